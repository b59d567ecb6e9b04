"""Forgetting what was asked and answered, some time after a job's end. The row stays, for sums and lists."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db.models import Value
from django.db.models.functions import Now

from .models import GenerationJob

_BATCH = 500


def expire() -> bool:
    """Deletes the requests and results of some jobs that ended GENERATION_RESULT_RETENTION_S ago.

    True: there may be more of them.
    """
    if not settings.GENERATION_RESULT_RETENTION_S:
        return False
    kept_since = Now() - Value(timedelta(seconds=settings.GENERATION_RESULT_RETENTION_S))
    old = GenerationJob.objects.filter(finished_at__lte=kept_since, result_expired_at__isnull=True)
    ids = list(old.order_by("finished_at").values_list("pk", flat=True)[:_BATCH])
    expired = GenerationJob.objects.filter(pk__in=ids, result_expired_at__isnull=True)
    expired.update(request={}, text="", data=None, tool_calls=[], result_expired_at=Now())
    return len(ids) == _BATCH
