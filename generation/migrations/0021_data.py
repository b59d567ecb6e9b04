from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("generation", "0020_unusual_jobs")]

    operations = [
        migrations.AddField("generationjob", "data", models.JSONField(null=True, verbose_name="data"))
    ]
