from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("audit", "0002_open_actions")]

    operations = [
        migrations.CreateModel(
            name="Checkpoint",
            fields=[
                ("number", models.BigIntegerField(primary_key=True, serialize=False, verbose_name="number")),
                ("digest", models.CharField(max_length=64, verbose_name="digest")),
                ("at", models.DateTimeField(verbose_name="time")),
                ("previous_number", models.BigIntegerField(verbose_name="event of the checkpoint before")),
                ("every", models.PositiveIntegerField(verbose_name="events until the next")),
                ("key_id", models.CharField(max_length=16, verbose_name="key id")),
                ("signature", models.CharField(max_length=88, verbose_name="signature")),
            ],
            options={
                "verbose_name": "checkpoint",
                "verbose_name_plural": "checkpoints",
                "ordering": ["-number"],
                "default_permissions": (),
            },
        ),
    ]
