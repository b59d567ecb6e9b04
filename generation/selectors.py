"""Reading jobs on behalf of an API key or of a user.

A key sees its own, or with the scope `manage` those of all keys. A user sees those of the keys they own, or
with the permission generation.view_generationjob all.
"""

from __future__ import annotations

import base64
import binascii
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from apikeys.models import ApiKey, Scope

from .errors import InvalidRequest, JobNotFound
from .models import GenerationJob, GenerationJobQuerySet, JobStatus

if TYPE_CHECKING:
    from django.contrib.auth.models import User

MAX_PAGE = 100
# The 16 bytes of an id in base64; of the last character two bits are used.
CURSOR_PATTERN = "^[A-Za-z0-9_-]{21}[AQgw]$"
_NEVER_LISTED = ("request", "failure_detail")
_LISTED_FOR_KEYS = ("text", "data", "tool_calls", "metadata", "warnings")
"""Long ones too: a page of 25 jobs that asks for itself every few seconds would read megabytes."""


@dataclass(frozen=True, slots=True)
class Page:
    """The newest jobs first. `next_cursor` is None on the last page."""

    items: tuple[GenerationJob, ...]
    next_cursor: str | None


def job_for(reader: ApiKey | User, job_id: uuid.UUID) -> GenerationJob:
    """Raises JobNotFound, for another's job as well."""
    job = _visible(reader).filter(pk=job_id).first()
    if job is None:
        raise JobNotFound
    return job


def jobs_page(
    reader: ApiKey | User, *, status: JobStatus | None = None, cursor: str | None = None, limit: int = 20
) -> Page:
    """Without the requests; for a user, whose page shows none, without the answers too.

    Raises InvalidRequest for a cursor that no page gave, and for a limit out of range.
    """
    if not 1 <= limit <= MAX_PAGE:
        raise InvalidRequest(f"The limit is a number from 1 to {MAX_PAGE}.", param="limit")
    unread = _NEVER_LISTED if isinstance(reader, ApiKey) else _NEVER_LISTED + _LISTED_FOR_KEYS
    jobs = _visible(reader).defer(*unread).order_by("-pk")
    if status is not None:
        jobs = jobs.filter(status=status)
    if cursor is not None:
        jobs = jobs.filter(pk__lt=position_of(cursor))
    items = tuple(jobs[: limit + 1])
    return Page(items[:limit], cursor_at(items[limit - 1].pk) if len(items) > limit else None)


def _visible(reader: ApiKey | User) -> GenerationJobQuerySet:
    if isinstance(reader, ApiKey):
        return GenerationJob.objects.visible_to(reader, all_keys=reader.allows(Scope.MANAGE))
    sees_all = reader.has_perm("generation.view_generationjob")
    return GenerationJob.objects.select_related("key").visible_to_user(reader, all_keys=sees_all)


def cursor_at(row_id: uuid.UUID) -> str:
    """Of a page that ends with this row."""
    return base64.urlsafe_b64encode(row_id.bytes).rstrip(b"=").decode()


def position_of(cursor: str) -> uuid.UUID:
    """Raises InvalidRequest for what is no cursor."""
    try:
        return uuid.UUID(bytes=base64.b64decode(f"{cursor}==", altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        raise InvalidRequest("Use the next_cursor of the page before.", param="cursor") from None
