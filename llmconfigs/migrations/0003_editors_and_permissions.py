from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("llmconfigs", "0002_client_parameters"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="llmconfig",
            options={
                "ordering": ["name"],
                "permissions": [
                    ("activate_llmconfig", "Can activate LLM configurations"),
                    ("approve_llmconfig", "Can approve activations by others"),
                ],
                "verbose_name": "LLM configuration",
                "verbose_name_plural": "LLM configurations",
            },
        ),
        migrations.AddField(
            model_name="llmconfig",
            name="edited_by_id",
            field=models.BigIntegerField(editable=False, null=True, verbose_name="id of the last editor"),
        ),
        migrations.AddField(
            model_name="llmconfig",
            name="edited_by_name",
            field=models.CharField(blank=True, editable=False, max_length=200, verbose_name="last edited by"),
        ),
        migrations.AddField(
            model_name="llmconfig",
            name="editors",
            field=models.JSONField(default=list, editable=False, verbose_name="editors"),
        ),
    ]
