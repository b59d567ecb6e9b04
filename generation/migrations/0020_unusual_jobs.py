from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("generation", "0013_breakers"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="generationjob",
            index=models.Index(
                fields=["status", "-id"],
                condition=models.Q(("status__in", ("failed", "cancelled"))),
                name="job_unusual",
            ),
        ),
    ]
