"""Whose job is next: the order in which what is ready is claimed.

A lane is the jobs of one API key at one priority, oldest first. Priorities are strict, but one whose oldest
job has waited for GENERATION_AGING_S counts as one step more urgent, and so on. Among lanes that are equally
urgent, that of the key with the fewest jobs in progress is next, then of the one served longest ago.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from django.db import connection

from .. import sql


@dataclass(frozen=True, slots=True)
class Lane:
    """`waited_s`: its oldest job since it was submitted; `idle_s`: since a job of the key was last begun."""

    priority: int
    key_id: int
    waited_s: float
    running: int
    idle_s: float


@dataclass(frozen=True, slots=True)
class Queue:
    """`has_late`: whether jobs that were put off are due by now; they are in no lane yet."""

    lanes: Sequence[Lane]
    has_late: bool


def read() -> Queue:
    """All lanes with a job that is ready: one look into the index for each, however many jobs wait."""
    ages = {"waited": sql.seconds_since("lane.created_at"), "idle": sql.seconds_since("turn.served_at")}
    with connection.cursor() as cursor:
        cursor.execute(_LANES.format(now=sql.now(), **ages), [])
        rows = cursor.fetchall()
    return Queue(
        [
            Lane(priority, key_id, waited_s, running, inf if idle_s is None else idle_s)
            for priority, key_id, waited_s, running, idle_s in rows
            if priority is not None
        ],
        has_late=any(priority is None for priority, *_ in rows),
    )


def share(lanes: Sequence[Lane], count: int, *, aging_s: float) -> dict[Lane, int]:
    """How many of the next `count` jobs to take from which lane, if each of them has so many."""
    urgency = _urgency(lanes, aging_s)
    running = {lane.key_id: lane.running for lane in lanes}
    waiting = [
        (urgency[lane.priority], lane.running, -lane.idle_s, -lane.waited_s, number)
        for number, lane in enumerate(lanes)
    ]
    heapq.heapify(waiting)
    shares: Counter[Lane] = Counter()
    while waiting and shares.total() < count:
        urgent, its_running, idle, waited, number = waiting[0]
        lane = lanes[number]
        if its_running == running[lane.key_id]:
            shares[lane] += 1
            running[lane.key_id] += 1
        heapq.heapreplace(waiting, (urgent, running[lane.key_id], idle, waited, number))
    return dict(shares)


def _urgency(lanes: Sequence[Lane], aging_s: float) -> dict[int, int]:
    """By priority. It is the whole priority that ages: else the many old jobs of one key would stand before
    the first of another's."""
    urgency: dict[int, int] = {}
    for lane in lanes:
        aged = max(1, lane.priority - int(lane.waited_s // aging_s))
        urgency[lane.priority] = min(aged, urgency.get(lane.priority, aged))
    return urgency


# From the first job of a lane to the first of the next: PostgreSQL would read all of them for a DISTINCT. And
# row by row: it does not know how few the lanes are, and would read the whole table for a join.
_LANES = """
WITH RECURSIVE head(id) AS (
    SELECT (
        SELECT id FROM generation_generationjob
        WHERE status = 'queued' AND run_after IS NULL
        ORDER BY priority, key_id, id LIMIT 1
    )
    UNION ALL
    SELECT (
        SELECT after.id FROM generation_generationjob AS after
        WHERE after.status = 'queued' AND after.run_after IS NULL
            AND (after.priority, after.key_id) > (job.priority, job.key_id)
        ORDER BY after.priority, after.key_id, after.id LIMIT 1
    )
    FROM head JOIN generation_generationjob AS job ON job.id = head.id
),
lane AS (
    SELECT
        (SELECT priority FROM generation_generationjob AS job WHERE job.id = head.id) AS priority,
        (SELECT key_id FROM generation_generationjob AS job WHERE job.id = head.id) AS key_id,
        (SELECT created_at FROM generation_generationjob AS job WHERE job.id = head.id) AS created_at
    FROM head WHERE head.id IS NOT NULL
)
SELECT NULL, NULL, NULL, NULL, NULL
WHERE EXISTS (
    SELECT 1 FROM generation_generationjob
    WHERE status = 'queued' AND run_after IS NOT NULL AND run_after <= {now}
)
UNION ALL
SELECT lane.priority, lane.key_id, {waited}, coalesce(running.jobs, 0), {idle}
FROM lane
LEFT JOIN generation_keyturn AS turn ON turn.key_id = lane.key_id
LEFT JOIN (
    SELECT key_id, count(*) AS jobs FROM generation_generationjob WHERE status = 'in_progress' GROUP BY key_id
) AS running ON running.key_id = lane.key_id
"""
