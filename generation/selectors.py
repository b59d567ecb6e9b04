"""Reading jobs on behalf of an API key: its own, or with the scope `manage` those of all keys."""

from __future__ import annotations

import base64
import binascii
import uuid
from dataclasses import dataclass

from apikeys.models import ApiKey, Scope

from .errors import InvalidRequest, JobNotFound
from .models import GenerationJob, GenerationJobQuerySet, JobStatus

MAX_PAGE = 100
# The 16 bytes of an id in base64; of the last character two bits are used.
CURSOR_PATTERN = "^[A-Za-z0-9_-]{21}[AQgw]$"


@dataclass(frozen=True, slots=True)
class Page:
    """The newest jobs first. `next_cursor` is None on the last page."""

    items: tuple[GenerationJob, ...]
    next_cursor: str | None


def job_for(key: ApiKey, job_id: uuid.UUID) -> GenerationJob:
    """Raises JobNotFound, for another key's job as well."""
    job = _visible(key).filter(pk=job_id).first()
    if job is None:
        raise JobNotFound
    return job


def jobs_page(
    key: ApiKey, *, status: JobStatus | None = None, cursor: str | None = None, limit: int = 20
) -> Page:
    """Raises InvalidRequest for a cursor that no page gave, and for a limit out of range."""
    if not 1 <= limit <= MAX_PAGE:
        raise InvalidRequest(f"The limit is a number from 1 to {MAX_PAGE}.", param="limit")
    jobs = _visible(key).defer("request", "failure_detail").order_by("-pk")
    if status is not None:
        jobs = jobs.filter(status=status)
    if cursor is not None:
        jobs = jobs.filter(pk__lt=_position(cursor))
    items = tuple(jobs[: limit + 1])
    return Page(items[:limit], _cursor(items[limit - 1]) if len(items) > limit else None)


def _visible(key: ApiKey) -> GenerationJobQuerySet:
    return GenerationJob.objects.visible_to(key, all_keys=key.allows(Scope.MANAGE))


def _cursor(last: GenerationJob) -> str:
    return base64.urlsafe_b64encode(last.pk.bytes).rstrip(b"=").decode()


def _position(cursor: str) -> uuid.UUID:
    try:
        return uuid.UUID(bytes=base64.b64decode(f"{cursor}==", altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        raise InvalidRequest("Use the next_cursor of the page before.", param="cursor") from None
