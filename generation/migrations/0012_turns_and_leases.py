import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("apikeys", "0002_limits"),
        ("generation", "0011_attempts"),
    ]

    operations = [
        migrations.CreateModel(
            name="KeyTurn",
            fields=[
                (
                    "key",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="apikeys.apikey",
                    ),
                ),
                ("served_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="Lease",
            fields=[
                ("name", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("holder", models.CharField(max_length=100)),
                ("fence", models.PositiveBigIntegerField(default=0)),
                ("expires_at", models.DateTimeField()),
            ],
        ),
    ]
