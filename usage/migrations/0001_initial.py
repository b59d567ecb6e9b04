import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("apikeys", "0002_limits"),
    ]

    operations = [
        migrations.CreateModel(
            name="UsageRecord",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField(verbose_name="began")),
                ("request_id", models.CharField(max_length=64, verbose_name="request id")),
                ("route", models.CharField(max_length=40, verbose_name="route")),
                ("is_streamed", models.BooleanField(verbose_name="streamed")),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("completed", "Completed"),
                            ("failed", "Failed"),
                            ("cancelled", "Cancelled"),
                            ("refused", "Refused"),
                        ],
                        max_length=10,
                        verbose_name="outcome",
                    ),
                ),
                ("error_code", models.CharField(max_length=40, verbose_name="error code")),
                ("config_id", models.BigIntegerField(null=True, verbose_name="id of the configuration")),
                ("config_name", models.CharField(max_length=100, verbose_name="configuration")),
                ("provider", models.CharField(max_length=50, verbose_name="provider")),
                ("model_name", models.CharField(max_length=255, verbose_name="model")),
                ("prompt_tokens", models.PositiveIntegerField(verbose_name="prompt tokens")),
                ("completion_tokens", models.PositiveIntegerField(verbose_name="completion tokens")),
                ("is_estimated", models.BooleanField(verbose_name="tokens are estimated")),
                ("duration_s", models.FloatField(verbose_name="seconds")),
                ("first_token_s", models.FloatField(null=True, verbose_name="seconds to first token")),
                (
                    "api_key",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="usage_records",
                        to="apikeys.apikey",
                        verbose_name="API key",
                    ),
                ),
            ],
            options={
                "verbose_name": "usage record",
                "verbose_name_plural": "usage records",
                "ordering": ["-at", "-id"],
                "indexes": [
                    models.Index(fields=["api_key", "at"], name="usage_by_key"),
                    models.Index(fields=["at", "id"], name="usage_by_time"),
                    models.Index(fields=["request_id"], name="usage_by_request"),
                    models.Index(
                        condition=models.Q(("outcome__in", ("failed", "cancelled", "refused"))),
                        fields=["outcome", "at", "id"],
                        name="usage_unusual",
                    ),
                ],
            },
        ),
    ]
