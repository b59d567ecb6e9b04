import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("generation", "0010_job_life"),
    ]

    operations = [
        migrations.CreateModel(
            name="JobAttempt",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.PositiveIntegerField(verbose_name="number")),
                ("owner", models.CharField(max_length=100, verbose_name="worker")),
                ("started_at", models.DateTimeField(null=True, verbose_name="began")),
                ("ended_at", models.DateTimeField(verbose_name="ended")),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("completed", "Completed"),
                            ("failed", "Failed"),
                            ("cancelled", "Cancelled"),
                            ("postponed", "Put off"),
                            ("given_back", "Given back"),
                            ("lease_lost", "Worker lost"),
                        ],
                        max_length=10,
                        verbose_name="outcome",
                    ),
                ),
                ("reason", models.TextField(default="", verbose_name="reason")),
                ("config_id", models.BigIntegerField(null=True, verbose_name="id of the configuration")),
                ("config_name", models.CharField(default="", max_length=100, verbose_name="configuration")),
                ("provider", models.CharField(default="", max_length=50, verbose_name="provider")),
                ("model_name", models.CharField(default="", max_length=255, verbose_name="model")),
                ("prompt_tokens", models.PositiveIntegerField(null=True, verbose_name="prompt tokens")),
                (
                    "completion_tokens",
                    models.PositiveIntegerField(null=True, verbose_name="completion tokens"),
                ),
            ],
            options={
                "verbose_name": "attempt",
                "verbose_name_plural": "attempts",
                "ordering": ["number"],
            },
        ),
        migrations.AddField(
            model_name="jobattempt",
            name="job",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="attempts",
                to="generation.generationjob",
                verbose_name="job",
            ),
        ),
        migrations.AddConstraint(
            model_name="jobattempt",
            constraint=models.UniqueConstraint(fields=("job", "number"), name="attempt_once"),
        ),
    ]
