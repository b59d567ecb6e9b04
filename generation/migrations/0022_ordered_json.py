from django.db import migrations

from generators.fields import OrderedJsonField


class Migration(migrations.Migration):
    """PostgreSQL has put the names in other order in what is there already: that stays."""

    dependencies = [("generation", "0021_data")]

    operations = [
        migrations.AlterField("generationjob", "request", OrderedJsonField(verbose_name="request")),
        migrations.AlterField("generationjob", "data", OrderedJsonField(null=True, verbose_name="data")),
    ]
