"""Jobs that were put off because their model was away, once it is there again."""

from __future__ import annotations

from django.db.models import Q

from .. import sql
from ..models import GenerationJob, GenerationJobQuerySet, JobStatus

MOST = 1_000
"""Those after them come when their own time has come, within half a minute."""
SPREAD_S = 2.0
_GROUPS = 10


def bring_forward(config_id: int | None) -> int:
    """Lets jobs that this configuration put off (None: the environment's model) come back over the next
    SPREAD_S, the most urgent first. How many they were."""
    waiting = _put_off_by(config_id).order_by("priority", "pk")
    ids = list(waiting.values_list("pk", flat=True)[:MOST])
    size = -(-len(ids) // _GROUPS)
    moved = 0
    for group in range(_GROUPS if ids else 0):
        of_group = _put_off_by(config_id).filter(pk__in=ids[group * size : (group + 1) * size])
        moved += of_group.update(run_after=sql.after(group * SPREAD_S / _GROUPS))
    return moved


def _put_off_by(config_id: int | None) -> GenerationJobQuerySet:
    """For longer than they have to wait now."""
    by = Q(config=config_id) if config_id is not None else Q(config=None, config_name="") & ~Q(provider="")
    return GenerationJob.objects.filter(by, status=JobStatus.QUEUED, run_after__gt=sql.after(SPREAD_S))
