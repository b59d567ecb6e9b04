import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("usage", "0002_index_by_config")]

    operations = [
        migrations.AddField(
            model_name="usagerecord",
            name="user_id",
            field=models.BigIntegerField(null=True, verbose_name="user id"),
        ),
        migrations.AddField(
            model_name="usagerecord",
            name="user_name",
            field=models.CharField(default="", max_length=150, verbose_name="user"),
        ),
        migrations.AlterField(
            model_name="usagerecord",
            name="api_key",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="usage_records",
                to="apikeys.apikey",
                verbose_name="API key",
            ),
        ),
    ]
