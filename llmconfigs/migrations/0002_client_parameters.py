from django.db import migrations, models

import llmbackends.client_bounds


class Migration(migrations.Migration):
    dependencies = [
        ("llmconfigs", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="llmconfig",
            name="client_parameters",
            field=models.JSONField(
                blank=True,
                default=llmbackends.client_bounds.default_bounds,
                verbose_name="parameters that clients may set",
            ),
        ),
    ]
