from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("audit", "0003_checkpoint")]

    operations = [
        migrations.AddIndex(
            model_name="auditevent",
            index=models.Index(fields=["request_id", "number"], name="audit_by_request"),
        ),
        migrations.AddIndex(
            model_name="auditevent",
            index=models.Index(fields=["address", "number"], name="audit_by_address"),
        ),
        migrations.AddIndex(
            model_name="auditevent",
            index=models.Index(fields=["subject_name", "number"], name="audit_by_subject_name"),
        ),
    ]
