import django.core.validators
from django.db import migrations, models

import llmconfigs.fields


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="LLMConfig",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=100, unique=True, verbose_name="name")),
                ("provider", models.CharField(max_length=50, verbose_name="provider")),
                ("model_name", models.CharField(blank=True, max_length=255, verbose_name="model")),
                ("endpoint_url", models.CharField(blank=True, max_length=500, verbose_name="endpoint URL")),
                ("api_key", llmconfigs.fields.SealedSecretField(blank=True, verbose_name="API key")),
                ("is_active", models.BooleanField(default=False, editable=False, verbose_name="active")),
                ("parameters", models.JSONField(blank=True, default=dict, verbose_name="parameters")),
                ("options", models.JSONField(blank=True, default=dict, verbose_name="provider options")),
                (
                    "timeout_seconds",
                    models.PositiveIntegerField(
                        default=120,
                        validators=[
                            django.core.validators.MinValueValidator(10),
                            django.core.validators.MaxValueValidator(600),
                        ],
                        verbose_name="time-out in seconds",
                    ),
                ),
                (
                    "max_retries",
                    models.PositiveIntegerField(
                        default=2,
                        validators=[django.core.validators.MaxValueValidator(10)],
                        verbose_name="retries",
                    ),
                ),
                (
                    "version",
                    models.PositiveIntegerField(default=1, editable=False, verbose_name="version"),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created")),
                ("updated_at", models.DateTimeField(auto_now=True, verbose_name="updated")),
            ],
            options={
                "verbose_name": "LLM configuration",
                "verbose_name_plural": "LLM configurations",
                "ordering": ["name"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("is_active", True)),
                        fields=("is_active",),
                        name="llmconfig_at_most_one_active",
                    )
                ],
            },
        ),
    ]
