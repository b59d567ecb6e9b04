from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("generation", "0012_turns_and_leases"),
    ]

    operations = [
        migrations.CreateModel(
            name="Breaker",
            fields=[
                (
                    "backend",
                    models.CharField(
                        max_length=60, primary_key=True, serialize=False, verbose_name="backend"
                    ),
                ),
                ("name", models.CharField(max_length=100, verbose_name="configuration")),
                ("failures", models.PositiveIntegerField(default=0, verbose_name="failures in a row")),
                ("reason", models.TextField(default="", verbose_name="last failure")),
                ("failed_at", models.DateTimeField(null=True, verbose_name="last failed")),
                ("opened_at", models.DateTimeField(null=True, verbose_name="open since")),
                ("probes", models.PositiveIntegerField(default=0, verbose_name="failed tries since")),
                ("probe_at", models.DateTimeField(null=True, verbose_name="next try")),
                ("probe_until", models.DateTimeField(null=True, verbose_name="being tried until")),
            ],
            options={
                "verbose_name": "circuit breaker",
                "verbose_name_plural": "circuit breakers",
                "ordering": ["-failed_at"],
            },
        ),
    ]
