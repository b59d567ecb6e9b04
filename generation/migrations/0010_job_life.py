import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("apikeys", "0002_limits"),
        ("generation", "0002_playground_and_progress"),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="generationjob",
            name="job_queue",
        ),
        migrations.AddField(
            model_name="generationjob",
            name="claimed_at",
            field=models.DateTimeField(null=True, verbose_name="attempt began"),
        ),
        migrations.AddField(
            model_name="generationjob",
            name="rerun_of",
            field=models.UUIDField(null=True, verbose_name="re-run of"),
        ),
        migrations.AddField(
            model_name="generationjob",
            name="result_expired_at",
            field=models.DateTimeField(null=True, verbose_name="request and result deleted"),
        ),
        migrations.AlterField(
            model_name="generationjob",
            name="key",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="jobs",
                to="apikeys.apikey",
                verbose_name="API key",
            ),
        ),
        migrations.AddIndex(
            model_name="generationjob",
            index=models.Index(
                models.F("priority"),
                models.F("key"),
                models.F("id"),
                condition=models.Q(("run_after__isnull", True), ("status", "queued")),
                name="job_ready",
            ),
        ),
        migrations.AddIndex(
            model_name="generationjob",
            index=models.Index(
                condition=models.Q(("run_after__isnull", False), ("status", "queued")),
                fields=["run_after"],
                name="job_put_off",
            ),
        ),
        migrations.AddIndex(
            model_name="generationjob",
            index=models.Index(
                condition=models.Q(("finished_at__isnull", False), ("result_expired_at__isnull", True)),
                fields=["finished_at"],
                name="job_retention",
            ),
        ),
    ]
