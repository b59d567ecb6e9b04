from __future__ import annotations

from datetime import datetime

import pytest
from django.utils import timezone

from apikeys.models import ApiKey
from generation.models import GenerationJob, JobStatus
from generation.queue import postponements
from generation.queue.postponements import MOST, SPREAD_S, bring_forward
from llmconfigs.models import LLMConfig
from tests.generation.jobs import queue_job, seconds_ago


@pytest.fixture
def config(db: None) -> LLMConfig:
    return LLMConfig.objects.create(name="Main", provider="dummy")


def put_off(key: ApiKey, by: LLMConfig | None, *, for_s: float = 25, **fields: object) -> GenerationJob:
    answered = {"config": by, "config_name": by.name if by else "", "provider": "dummy"}
    return queue_job(key, run_after=seconds_ago(-for_s), **answered | fields)


def due_in_s(job: GenerationJob) -> float:
    job.refresh_from_db()
    assert isinstance(job.run_after, datetime)
    return (job.run_after - timezone.now()).total_seconds()


def test_jobs_that_the_configuration_put_off_come_soon_and_not_all_at_once(
    key: ApiKey, config: LLMConfig
) -> None:
    jobs = [put_off(key, config) for _ in range(20)]

    assert bring_forward(config.pk) == 20

    assert max(due_in_s(job) for job in jobs) <= SPREAD_S
    due_at = [job.run_after for job in jobs]
    assert due_at == sorted(due_at)
    assert (due_at[-1] - due_at[0]).total_seconds() > SPREAD_S / 2


def test_the_more_urgent_come_first(key: ApiKey, config: LLMConfig) -> None:
    idle, urgent = put_off(key, config, priority=5), put_off(key, config, priority=1)

    bring_forward(config.pk)

    assert due_in_s(urgent) < due_in_s(idle)


def test_jobs_of_other_configurations_keep_their_time(key: ApiKey, config: LLMConfig) -> None:
    other = put_off(key, LLMConfig.objects.create(name="Other", provider="dummy"))
    environments, gone = put_off(key, None), put_off(key, None, config_name="Deleted")
    never_tried = queue_job(key, run_after=seconds_ago(-25))

    assert bring_forward(config.pk) == 0
    assert bring_forward(None) == 1

    assert due_in_s(environments) <= SPREAD_S
    assert all(due_in_s(job) > 20 for job in (other, gone, never_tried))


@pytest.mark.parametrize(
    "fields",
    [{"for_s": 1}, {"status": JobStatus.IN_PROGRESS}, {"status": JobStatus.CANCELLED}],
    ids=["due sooner", "claimed", "cancelled"],
)
def test_job_that_does_not_wait_for_long_is_left_alone(
    key: ApiKey, config: LLMConfig, fields: dict[str, object]
) -> None:
    job = put_off(key, config, **fields)
    before = job.run_after

    assert bring_forward(config.pk) == 0

    job.refresh_from_db()
    assert job.run_after == before


def test_no_more_than_the_bound_are_brought_forward(
    key: ApiKey, config: LLMConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postponements, "MOST", 3)
    for _ in range(5):
        put_off(key, config)

    assert bring_forward(config.pk) == 3
    assert GenerationJob.objects.filter(run_after__gt=seconds_ago(-20)).count() == 2
    assert MOST >= 100
