from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("llmconfigs", "0003_editors_and_permissions"),
    ]

    operations = [
        migrations.CreateModel(
            name="Activation",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("activated", "Activated"),
                            ("rolled_back", "Rolled back"),
                            ("deactivated", "Deactivated"),
                            ("deleted", "Deleted while it was active"),
                        ],
                        max_length=20,
                        verbose_name="kind",
                    ),
                ),
                ("config_id", models.BigIntegerField(null=True, verbose_name="id of the configuration")),
                ("config_name", models.CharField(blank=True, max_length=100, verbose_name="configuration")),
                ("provider", models.CharField(max_length=50, verbose_name="provider")),
                ("model_name", models.CharField(max_length=255, verbose_name="model")),
                (
                    "previous_id",
                    models.BigIntegerField(null=True, verbose_name="id of the configuration before"),
                ),
                (
                    "previous_name",
                    models.CharField(blank=True, max_length=100, verbose_name="configuration before"),
                ),
                ("by_id", models.BigIntegerField(null=True, verbose_name="user id")),
                ("by_name", models.CharField(max_length=200, verbose_name="by")),
                ("force_reason", models.TextField(blank=True, verbose_name="reason for activating anyway")),
                ("at", models.DateTimeField(verbose_name="time")),
            ],
            options={
                "verbose_name": "activation",
                "verbose_name_plural": "activations",
                "ordering": ["-id"],
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="HealthNote",
            fields=[
                (
                    "config_id",
                    models.BigIntegerField(
                        primary_key=True, serialize=False, verbose_name="id of the configuration"
                    ),
                ),
                ("is_healthy", models.BooleanField(verbose_name="healthy")),
                ("checked_at", models.DateTimeField(verbose_name="checked")),
                ("took_s", models.FloatField(null=True, verbose_name="seconds")),
                ("detail", models.TextField(blank=True, verbose_name="detail")),
            ],
            options={
                "verbose_name": "health note",
                "verbose_name_plural": "health notes",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="ActivationRequest",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("config_id", models.BigIntegerField(verbose_name="id of the configuration")),
                ("config_name", models.CharField(max_length=100, verbose_name="configuration")),
                ("config_version", models.PositiveIntegerField(verbose_name="version")),
                ("requested_by_id", models.BigIntegerField(null=True, verbose_name="id of the requester")),
                ("requested_by_name", models.CharField(max_length=200, verbose_name="requested by")),
                ("requested_at", models.DateTimeField(verbose_name="requested")),
                ("reason", models.TextField(blank=True, verbose_name="reason")),
                ("expires_at", models.DateTimeField(verbose_name="expires")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("pending", "Pending"),
                            ("approved", "Approved"),
                            ("rejected", "Rejected"),
                            ("withdrawn", "Withdrawn"),
                            ("expired", "Expired"),
                            ("outdated", "The configuration was changed"),
                        ],
                        db_index=True,
                        default="pending",
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                ("decided_by_id", models.BigIntegerField(null=True, verbose_name="id of who decided")),
                ("decided_by_name", models.CharField(blank=True, max_length=200, verbose_name="decided by")),
                ("decided_at", models.DateTimeField(null=True, verbose_name="decided")),
                ("decision_reason", models.TextField(blank=True, verbose_name="reason of the decision")),
            ],
            options={
                "verbose_name": "activation request",
                "verbose_name_plural": "activation requests",
                "ordering": ["-id"],
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "pending")),
                        fields=("config_id",),
                        name="activationrequest_one_pending",
                    )
                ],
            },
        ),
    ]
