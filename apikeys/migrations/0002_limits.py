from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("apikeys", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="apikey",
            name="requests_per_minute",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="Empty: as API_REQUESTS_PER_MINUTE says. 0: no limit.",
                null=True,
                verbose_name="requests per minute",
            ),
        ),
        migrations.AddField(
            model_name="apikey",
            name="concurrent_requests",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="Empty: as API_CONCURRENT_REQUESTS says. 0: no limit.",
                null=True,
                verbose_name="concurrent requests",
            ),
        ),
    ]
