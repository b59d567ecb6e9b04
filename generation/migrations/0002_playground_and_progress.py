from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("generation", "0001_initial")]

    operations = [
        migrations.AlterModelOptions(
            name="generationjob",
            options={
                "ordering": ["-id"],
                "permissions": [("use_playground", "Can use the playground")],
                "verbose_name": "generation job",
                "verbose_name_plural": "generation jobs",
            },
        ),
        migrations.AddField(
            model_name="generationjob",
            name="tokens_so_far",
            field=models.PositiveIntegerField(default=0, verbose_name="tokens so far"),
        ),
    ]
