"""Whose job is next: the order in which what is ready is claimed.

A lane is the jobs of one API key at one priority, oldest first. Priorities are strict, but one whose oldest
job has waited for GENERATION_AGING_S counts as one step more urgent, and so on, and with it those that were
more urgent anyway. Among lanes that are equally urgent, that of the key with the fewest jobs in progress is
next, then of the one served longest ago.

Where more than MOST keys wait at one priority, it is as if some MOST of them did, each time others: what it
costs to see whose turn it is does not grow with the number of keys.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf

from django.db import connection

from .. import sql

MOST = 200


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


def read(*, chance: Callable[[], float] = random.random) -> Queue:
    """The lanes with a job that is ready, 2 * MOST of each priority at most: two looks into indexes for each,
    however many jobs wait."""
    ages = {"waited": sql.seconds_since("lane.created_at"), "idle": sql.seconds_since("turn.served_at")}
    with connection.cursor() as cursor:
        cursor.execute(_LANES.format(now=sql.now(), most=MOST, **ages), [chance()])
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
    aged = _aged(lanes, aging_s)
    running = {lane.key_id: lane.running for lane in lanes}
    waiting = [
        (
            min(urgency for priority, urgency in aged.items() if priority >= lane.priority),
            lane.running,
            -lane.idle_s,
            aged[lane.priority],
            -lane.waited_s,
            number,
        )
        for number, lane in enumerate(lanes)
    ]
    heapq.heapify(waiting)
    shares: Counter[Lane] = Counter()
    while waiting and shares.total() < count:
        urgent, its_running, idle, own, waited, number = waiting[0]
        lane = lanes[number]
        if its_running == running[lane.key_id]:
            shares[lane] += 1
            running[lane.key_id] += 1
        heapq.heapreplace(waiting, (urgent, running[lane.key_id], idle, own, waited, number))
    return dict(shares)


def _aged(lanes: Sequence[Lane], aging_s: float) -> dict[int, int]:
    """How urgent each priority is. It is the whole priority that ages: else the many old jobs of one key
    would stand before the first of another's."""
    urgency: dict[int, int] = {}
    for lane in lanes:
        aged = max(1, lane.priority - int(max(0, lane.waited_s) // aging_s))
        urgency[lane.priority] = min(aged, urgency.get(lane.priority, aged))
    return urgency


# From the key of a lane to the next one's: PostgreSQL would read all jobs for a DISTINCT. And look by look,
# since it does not know how few the lanes are, and would read the whole table for a join.
_FIRST = """
    SELECT {column} FROM generation_generationjob AS job
    WHERE job.status = 'queued' AND job.run_after IS NULL
        AND (job.priority, job.key_id) {after} AND (job.priority, job.key_id) <= {upto}
    ORDER BY job.priority, job.key_id, job.id LIMIT 1
"""
_NEXT_KEY = _FIRST.format(
    column="job.key_id", after="> (walk.priority, walk.key_id)", upto="(walk.priority, walk.last_key_id)"
)
_CREATED_AT = _FIRST.format(
    column="job.created_at", after=">= (walk.priority, walk.key_id)", upto="(walk.priority, walk.key_id)"
)
# Of each priority in two stretches: the keys after one that is chosen by chance, and those up to it.
_LANES = f"""
WITH RECURSIVE chosen(key_id) AS (SELECT CAST(coalesce(max(id), 0) * %s AS bigint) FROM apikeys_apikey),
priorities(priority) AS (VALUES (1), (2), (3), (4), (5)),
stretch(priority, key_id, last_key_id) AS (
    SELECT priority, key_id, {2**63 - 1} FROM priorities CROSS JOIN chosen
    UNION ALL
    SELECT priority, 0, key_id FROM priorities CROSS JOIN chosen
),
walk(priority, key_id, last_key_id, number) AS (
    SELECT walk.priority, ({_NEXT_KEY}), walk.last_key_id, 1 FROM stretch AS walk
    UNION ALL
    SELECT walk.priority, ({_NEXT_KEY}), walk.last_key_id, walk.number + 1 FROM walk
    WHERE walk.key_id IS NOT NULL AND walk.number < {{most}}
),
lane AS (
    SELECT walk.priority, walk.key_id, ({_CREATED_AT}) AS created_at FROM walk WHERE walk.key_id IS NOT NULL
)
SELECT NULL, NULL, NULL, NULL, NULL
WHERE EXISTS (
    SELECT 1 FROM generation_generationjob
    WHERE status = 'queued' AND run_after IS NOT NULL AND run_after <= {{now}}
)
UNION ALL
SELECT lane.priority, lane.key_id, {{waited}}, coalesce(running.jobs, 0), {{idle}}
FROM lane
LEFT JOIN generation_keyturn AS turn ON turn.key_id = lane.key_id
LEFT JOIN (
    SELECT key_id, count(*) AS jobs FROM generation_generationjob WHERE status = 'in_progress' GROUP BY key_id
) AS running ON running.key_id = lane.key_id
"""  # noqa: S608  (constants)
