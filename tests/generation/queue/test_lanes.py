"""Whose job is next."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from math import inf

import pytest
from django.conf import LazySettings
from django.db import connection
from django.utils import timezone

from apikeys import issuing
from apikeys.models import ApiKey
from generation.models import GenerationJob, JobStatus
from generation.queue import claims, lanes
from generation.queue.claims import claim_due
from generation.queue.lanes import Lane, share
from tests.generation.jobs import claim_next, queue_job, seconds_ago

A = Lane(priority=3, key_id=1, waited_s=5, running=0, idle_s=inf)
B = replace(A, key_id=2, waited_s=1)


@pytest.fixture
def other_key(db: None) -> ApiKey:
    return issuing.issue(name="Other", scopes=["generate"]).key


def test_share_gives_the_more_urgent_lane_all_it_asks_for() -> None:
    urgent = replace(B, priority=1)

    assert share([A, urgent], 3, aging_s=60) == {urgent: 3}


def test_share_of_equals_alternates_between_keys() -> None:
    assert share([A, B], 4, aging_s=60) == {A: 2, B: 2}


def test_share_prefers_the_key_with_fewer_jobs_in_progress() -> None:
    busy = replace(A, running=3)

    assert share([busy, B], 4, aging_s=60) == {B: 3, busy: 1}


def test_share_prefers_the_key_that_was_served_longer_ago() -> None:
    assert share([replace(A, idle_s=1), replace(B, idle_s=9)], 1, aging_s=60) == {replace(B, idle_s=9): 1}


def test_share_gives_the_older_job_where_nothing_else_differs() -> None:
    assert share([B, A], 1, aging_s=60) == {A: 1}


def test_share_lifts_a_priority_by_one_step_for_each_time_of_waiting() -> None:
    waiting, urgent = replace(A, priority=3, waited_s=121), replace(B, priority=2)

    assert share([waiting, urgent], 1, aging_s=60) == {waiting: 1}
    assert share([replace(waiting, waited_s=59), urgent], 1, aging_s=60) == {urgent: 1}


def test_share_lifts_the_lanes_of_a_priority_together() -> None:
    """Else the old jobs of one key would stand before the new one of another."""
    old = replace(A, waited_s=500, idle_s=1)

    assert share([old, B], 1, aging_s=60) == {B: 1}


def test_share_lifts_with_a_priority_those_that_were_more_urgent() -> None:
    """Else the many old jobs of one key would stand before the new one of another that is more urgent."""
    old, new = replace(A, priority=5, waited_s=500, idle_s=1), replace(B, priority=3)

    assert share([old, new], 1, aging_s=60) == {new: 1}


def test_share_of_a_key_gives_what_age_has_lifted_before_what_was_lifted_with_it() -> None:
    old, new = replace(A, priority=5, waited_s=500), replace(A, priority=3, waited_s=1)

    assert share([new, old], 1, aging_s=60) == {old: 1}


def test_share_takes_a_job_of_a_clock_that_is_ahead_for_a_new_one() -> None:
    ahead, other = replace(A, priority=2, waited_s=-30), replace(B, priority=3, waited_s=50)

    assert share([ahead, other], 1, aging_s=60) == {ahead: 1}


def test_share_of_nothing_is_nothing() -> None:
    assert share([], 5, aging_s=60) == {}


def test_lanes_have_the_oldest_job_the_running_ones_and_the_last_turn(key: ApiKey, other_key: ApiKey) -> None:
    for _ in range(3):
        queue_job(key)
    queue_job(key, priority=1)
    queue_job(other_key)
    claim_next("worker")

    found = {(lane.priority, lane.key_id): lane for lane in lanes.read().lanes}

    assert set(found) == {(3, key.pk), (3, other_key.pk)}
    assert found[3, key.pk].running == 1
    assert 0 <= found[3, key.pk].idle_s < 5
    assert (found[3, other_key.pk].running, found[3, other_key.pk].idle_s) == (0, inf)


@pytest.fixture
def many_keys(key: ApiKey, other_key: ApiKey) -> list[ApiKey]:
    more = [issuing.issue(name=f"More {number}", scopes=["generate"]).key for number in range(5)]
    return [key, other_key, *more]


@pytest.mark.parametrize("chance", [0.0, 0.5, 0.999])
def test_lanes_are_all_lanes_wherever_the_reading_begins(many_keys: list[ApiKey], chance: float) -> None:
    for each in many_keys:
        for priority in (1, 3, 5):
            queue_job(each, priority=priority)

    found = [(lane.priority, lane.key_id) for lane in lanes.read(chance=lambda: chance).lanes]

    assert sorted(found) == sorted((priority, each.pk) for each in many_keys for priority in (1, 3, 5))


def test_lanes_of_more_keys_than_are_read_are_some_of_each_priority_and_others_each_time(
    many_keys: list[ApiKey], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "MOST", 1)
    for each in many_keys:
        queue_job(each, priority=2)
        queue_job(each, priority=4)
    last = many_keys[-1].pk

    read = [lanes.read(chance=lambda key=each: (key.pk - 0.9) / last).lanes for each in many_keys]  # type: ignore[misc]

    assert max(len(found) for found in read) == 4
    assert all({lane.priority for lane in found} == {2, 4} for found in read)
    assert {lane.key_id for found in read for lane in found} == {each.pk for each in many_keys}


def test_one_job_of_a_key_does_not_wait_for_the_many_of_another(key: ApiKey, other_key: ApiKey) -> None:
    for _ in range(50):
        queue_job(key)
    claim_due("worker", 4)
    lonely = queue_job(other_key)

    assert [claim.job_id for claim in claim_due("worker", 1)] == [lonely.pk]


def test_one_job_of_a_key_does_not_wait_for_the_old_and_less_urgent_ones_of_another(
    key: ApiKey, other_key: ApiKey
) -> None:
    for _ in range(20):
        queue_job(key, priority=5)
    GenerationJob.objects.update(created_at=seconds_ago(3600))
    claim_due("worker", 4)
    lonely = queue_job(other_key)

    assert [claim.job_id for claim in claim_due("worker", 1)] == [lonely.pk]


def test_keys_take_turns_where_one_job_runs_at_a_time(key: ApiKey, other_key: ApiKey) -> None:
    for _ in range(5):
        queue_job(key)
    for _ in range(5):
        queue_job(other_key)
    turns = []

    while claim := claim_next("worker"):
        turns.append(claim.key_id)
        GenerationJob.objects.filter(pk=claim.job_id).update(status=JobStatus.COMPLETED)

    assert turns == [key.pk, other_key.pk] * 5


def test_claim_of_many_shares_them_between_keys(key: ApiKey, other_key: ApiKey) -> None:
    for _ in range(20):
        queue_job(key)
    for _ in range(2):
        queue_job(other_key)

    claimed = Counter(claim.key_id for claim in claim_due("worker", 8))

    assert claimed == {key.pk: 6, other_key.pk: 2}


def test_old_job_of_low_priority_is_claimed_before_a_new_urgent_one(
    key: ApiKey, settings: LazySettings
) -> None:
    settings.GENERATION_AGING_S = 10
    old, urgent = queue_job(key, priority=5), queue_job(key, priority=2)
    GenerationJob.objects.filter(pk=old.pk).update(created_at=seconds_ago(45))

    assert [claim.job_id for claim in (claim_next("worker"), claim_next("worker")) if claim] == [
        old.pk,
        urgent.pk,
    ]


def test_claim_goes_on_to_the_next_lane_where_the_first_is_past_its_deadline(
    key: ApiKey, other_key: ApiKey
) -> None:
    for _ in range(3):
        queue_job(key, priority=1, deadline_in_s=-1)
    due = queue_job(other_key, priority=4)

    assert [claim.job_id for claim in claim_due("worker", 2)] == [due.pk]


@pytest.mark.postgresql
def test_claim_reads_the_index_and_never_the_queue(key: ApiKey, other_key: ApiKey) -> None:
    GenerationJob.objects.bulk_create(
        GenerationJob(
            key=each,
            status=status,
            priority=number % 5 + 1,
            request={},
            request_digest="",
            deadline_at=timezone.now() + timedelta(hours=1),
        )
        for status, count in ((JobStatus.COMPLETED, 3000), (JobStatus.QUEUED, 1500))
        for number in range(count)
        for each in (key, other_key)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE generation_generationjob")
        cursor.execute(
            "EXPLAIN (ANALYZE, BUFFERS OFF, COSTS OFF) "
            + lanes._LANES.format(now="now()", waited="0.0", idle="0.0", most=lanes.MOST),
            [0.5],
        )
        plan = "\n".join(line for (line,) in cursor.fetchall())

    assert "Seq Scan on generation_generationjob" not in plan
    assert "job_ready" in plan


@pytest.mark.postgresql
def test_taking_from_the_only_lane_reads_nothing_of_what_has_ended(key: ApiKey) -> None:
    """Of one key and one priority alone PostgreSQL would walk through all ids, finished ones first."""
    GenerationJob.objects.bulk_create(
        GenerationJob(
            key=key,
            status=status,
            request={},
            request_digest="",
            deadline_at=timezone.now() + timedelta(hours=1),
        )
        for status, count in ((JobStatus.COMPLETED, 6000), (JobStatus.QUEUED, 3000))
        for _ in range(count)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE generation_generationjob")
        cursor.execute("EXPLAIN " + claims._PICK.format(priority=3, key_id=key.pk, most=8))
        plan = "\n".join(line for (line,) in cursor.fetchall())

    assert "Index Scan using job_ready" in plan
