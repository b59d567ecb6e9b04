"""Who works on which job, settled in the database by conditional updates.

A claim is a row in progress with a lease: an owner, an attempt number and an end, by the database's clock.
Leases that ran out are taken back by lapses.py; how a claim ends otherwise stands in endings.py. Which job is
next is said by lanes.py.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Case, F, PositiveIntegerField, Q, TextField, Value, When
from django.db.models.functions import Coalesce, Now

from llmbackends.texts import storable
from llmbackends.types import JsonObject
from llmconfigs import sentence_fields

from .. import sql
from ..models import GenerationJob, GenerationJobQuerySet, JobStatus, KeyTurn
from . import lanes
from .lanes import Lane
from .outcomes import MOST_TOKENS, Progress

_MOST_ROUNDS = 20
_TOKENS = PositiveIntegerField()


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to work on a job of the API key `key_id`. `remaining_s`: until the job's deadline, from the
    moment of the claim; `last_failure`: why the attempt before was postponed, for staff."""

    job_id: uuid.UUID
    key_id: int
    owner: str
    attempt: int
    request: JsonObject = field(repr=False, compare=False)
    postponements: int
    claimed_at: datetime
    remaining_s: float
    generator: str = field(default="text-v1", compare=False)
    priority: int = field(default=3, compare=False)
    last_failure: str = field(default="", repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Signals:
    """What happened to claims meanwhile: taken away, or asked to be cancelled."""

    lost: frozenset[Claim]
    cancelled: frozenset[Claim]


def claim_due(owner: str, count: int) -> list[Claim]:
    """Up to `count` jobs in the order of lanes.py, now in progress under `owner`."""
    claims: list[Claim] = []
    exhausted: set[tuple[int, int]] = set()
    for _ in range(_MOST_ROUNDS):
        queue = lanes.read()
        if queue.has_late and _end_postponements():
            continue
        ready = [lane for lane in queue.lanes if (lane.priority, lane.key_id) not in exhausted]
        shares = lanes.share(ready, count - len(claims), aging_s=settings.GENERATION_AGING_S)
        if not shares:
            break
        taken = _take(owner, shares)
        claims += taken
        if len(claims) >= count:
            break
        # Of a lane that gave less than it was asked for there is no more: the rest is another worker's, or
        # past its deadline.
        exhausted |= {(lane.priority, lane.key_id) for lane in _short(shares, taken)}
    return claims


def held_by(owner: str) -> list[Claim]:
    """All that are current; a claim may be that whose commit was reported as failed."""
    held = GenerationJob.objects.filter(status=JobStatus.IN_PROGRESS, lease_owner=owner)
    return [_claim(owner, row) for row in held.order_by("pk").values(*_TAKEN)]


def extend(claims: Iterable[Claim]) -> None:
    """Renews the leases of all claims that are still current."""
    with transaction.atomic():
        _unlocked(claims).update(lease_expires_at=sql.after(settings.GENERATION_LEASE_S))


def signals(claims: Sequence[Claim]) -> Signals:
    rows = current(claims).values_list("pk", "attempt", "cancel_requested_at")
    asked_at = {(job_id, attempt): requested_at for job_id, attempt, requested_at in rows}
    return Signals(
        lost=frozenset(claim for claim in claims if (claim.job_id, claim.attempt) not in asked_at),
        cancelled=frozenset(claim for claim in claims if asked_at.get((claim.job_id, claim.attempt))),
    )


def save_progress(running: Mapping[Claim, Progress]) -> None:
    """How far each claim's job has come, for whoever watches it."""
    texts = [
        When(pk=claim.job_id, attempt=claim.attempt, then=Value(storable(progress.text), TextField()))
        for claim, progress in running.items()
    ]
    tokens = [
        When(pk=claim.job_id, attempt=claim.attempt, then=Value(min(progress.tokens, MOST_TOKENS), _TOKENS))
        for claim, progress in running.items()
    ]
    with transaction.atomic():
        _unlocked(running).update(
            text=Case(*texts, default=F("text")), tokens_so_far=Case(*tokens, default=F("tokens_so_far"))
        )


def current(claims: Iterable[Claim]) -> GenerationJobQuerySet:
    """The rows whose claim is one of these. The condition is one OR of all, for one statement."""
    conditions = Q(pk__in=[])
    for claim in claims:
        conditions |= Q(pk=claim.job_id, lease_owner=claim.owner, attempt=claim.attempt)
    return GenerationJob.objects.filter(conditions, status=JobStatus.IN_PROGRESS)


def _unlocked(claims: Iterable[Claim]) -> GenerationJobQuerySet:
    """The current ones but for those that somebody changes at this moment: one row must not keep the others
    waiting, nor two who change several wait for each other. Call it in a transaction."""
    rows = current(claims).select_for_update(skip_locked=True)
    return GenerationJob.objects.filter(pk__in=list(rows.values_list("pk", flat=True)))


def owned(claim: Claim) -> GenerationJobQuerySet:
    """Its row, whatever has become of the job, if nobody has claimed it since."""
    return GenerationJob.objects.filter(pk=claim.job_id, lease_owner=claim.owner, attempt=claim.attempt)


def _end_postponements() -> bool:
    """Puts the jobs back into the queue whose time has come. False: there was none but those that somebody
    else has locked, which have to wait for another time."""
    with connection.cursor() as cursor:
        cursor.execute(_END_POSTPONEMENTS.format(now=sql.now(), skip_locked=sql.skip_locked()), [])
        return bool(cursor.rowcount)  # SQLite does not count here, nor does it leave any out: -1


_END_POSTPONEMENTS = """
WITH late AS (
    SELECT id FROM generation_generationjob
    WHERE status = 'queued' AND run_after IS NOT NULL AND run_after <= {now} {skip_locked}
)
UPDATE generation_generationjob SET run_after = NULL WHERE id IN (SELECT id FROM late)
"""


def _short(shares: Mapping[Lane, int], taken: Sequence[Claim]) -> list[Lane]:
    given = [(claim.priority, claim.key_id) for claim in taken]
    return [lane for lane, share in shares.items() if given.count((lane.priority, lane.key_id)) < share]


def _take(owner: str, shares: Mapping[Lane, int]) -> list[Claim]:
    if connection.features.has_select_for_update_skip_locked:
        return _take_at_once(owner, shares)
    with transaction.atomic():
        return _take_one_by_one(owner, shares)


def _take_at_once(owner: str, shares: Mapping[Lane, int]) -> list[Claim]:
    """One statement, so that no worker that is frozen in the middle of it keeps the others waiting."""
    picked = " UNION ALL ".join(
        _PICK.format(priority=int(lane.priority), key_id=int(lane.key_id), most=int(most))
        for lane, most in shares.items()
    )
    with connection.cursor() as cursor:
        cursor.execute(
            _TAKE.format(picked=picked, lease_end=sql.in_seconds(settings.GENERATION_LEASE_S)), [owner]
        )
        return [_claim(owner, dict(zip(_TAKEN, row, strict=True))) for row in cursor.fetchall()]


_TAKEN = (
    "id", "key_id", "generator", "priority", "attempt", "request", "postponements", "claimed_at",
    "deadline_at", "failure_detail",
)  # fmt: skip
# With numbers in place of parameters, and with ranges in place of equalities: where PostgreSQL knows that all
# have one priority and one key, it takes the order for that of the ids and reads the primary key, which has
# every job that ever ended.
_PICK = """
SELECT id FROM (
    SELECT id FROM generation_generationjob
    WHERE status = 'queued' AND run_after IS NULL AND deadline_at > statement_timestamp()
        AND (priority, key_id) >= ({priority}, {key_id}) AND (priority, key_id) <= ({priority}, {key_id})
    ORDER BY priority, key_id, id LIMIT {most} FOR UPDATE SKIP LOCKED
) AS lane
"""
_TAKE = f"""
WITH picked AS ({{picked}}),
taken AS (
    UPDATE generation_generationjob AS job
    SET status = 'in_progress', attempt = job.attempt + 1, lease_owner = %s, lease_expires_at = {{lease_end}},
        claimed_at = statement_timestamp(), started_at = coalesce(job.started_at, statement_timestamp()),
        text = '', tokens_so_far = 0
    FROM picked WHERE job.id = picked.id
    RETURNING {", ".join(f"job.{name}" for name in _TAKEN)}
),
turns AS (
    INSERT INTO generation_keyturn (key_id, served_at)
    SELECT DISTINCT key_id, statement_timestamp() FROM taken ORDER BY key_id
    ON CONFLICT (key_id) DO UPDATE SET served_at = excluded.served_at
)
SELECT * FROM taken ORDER BY id
"""  # noqa: S608  (constants)


def _take_one_by_one(owner: str, shares: Mapping[Lane, int]) -> list[Claim]:
    """SQLite: the transaction is the only one that writes."""
    ready = GenerationJob.objects.filter(
        status=JobStatus.QUEUED, run_after__isnull=True, deadline_at__gt=Now()
    ).order_by("priority", "key", "pk")
    picked = [
        job_id
        for lane, most in shares.items()
        for job_id in ready.filter(priority=lane.priority, key=lane.key_id).values_list("pk", flat=True)[
            :most
        ]
    ]
    jobs = GenerationJob.objects.filter(pk__in=picked)
    jobs.update(
        status=JobStatus.IN_PROGRESS,
        attempt=F("attempt") + 1,
        lease_owner=owner,
        lease_expires_at=sql.after(settings.GENERATION_LEASE_S),
        claimed_at=Now(),
        started_at=Coalesce(F("started_at"), Now()),
        text="",
        tokens_so_far=0,
    )
    taken = list(jobs.order_by("pk").values(*_TAKEN))
    KeyTurn.objects.bulk_create(
        [KeyTurn(key_id=key_id, served_at=Now()) for key_id in sorted({row["key_id"] for row in taken})],
        update_conflicts=True,
        unique_fields=["key"],
        update_fields=["served_at"],
    )
    return [_claim(owner, row) for row in taken]


def _claim(owner: str, row: Mapping[str, Any]) -> Claim:
    request = row["request"]
    return Claim(
        job_id=row["id"],
        key_id=row["key_id"],
        owner=owner,
        attempt=row["attempt"],
        request=request if isinstance(request, dict) else json.loads(request),  # a raw cursor gives text
        postponements=row["postponements"],
        claimed_at=row["claimed_at"],
        remaining_s=(row["deadline_at"] - row["claimed_at"]).total_seconds(),
        generator=row["generator"],
        priority=row["priority"],
        last_failure=sentence_fields.read(row["failure_detail"]),
    )
