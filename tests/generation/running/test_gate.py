"""A runner whose model is away: jobs wait, one tries, and all run when it is back."""

from __future__ import annotations

import json
import time

import pytest
from django.conf import LazySettings
from django.db import connection

from apikeys.models import ApiKey
from audit.context import SYSTEM
from generation.models import Breaker, GenerationJob, JobStatus
from generation.running import execution
from llmconfigs import activation
from llmconfigs.models import LLMConfig
from tests.generation.jobs import queue_job, seconds_ago, wait_for_status
from tests.waiting import wait_until

from .runners import running

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _quick(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.GENERATION_POLL_INTERVAL_S = 0.05
    settings.GENERATION_BREAKER_FAILURES = 3
    settings.GENERATION_BREAKER_PROBE_S = 0.5
    settings.LLM_HEALTH_CHECK_TTL_S = 0
    monkeypatch.setattr(execution, "_LONGEST_DELAY_S", 0.05)


def activate(name: str, **options: object) -> LLMConfig:
    config = LLMConfig.objects.create(name=name, provider="dummy", model_name="dummy", options=options)
    activation.activate(config, by=SYSTEM.actor, force_reason="the test says so")
    return config


def mend(config: LLMConfig, **options: object) -> None:
    """The same version of it works now."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE llmconfigs_llmconfig SET options = %s WHERE id = %s", [json.dumps(options), config.pk]
        )


def is_open() -> bool:
    return Breaker.objects.filter(opened_at__isnull=False).exists()


def test_jobs_wait_for_a_model_that_is_away_and_burn_no_attempts(key: ApiKey, settings: LazySettings) -> None:
    settings.GENERATION_BREAKER_PROBE_S = 60
    activate("Away", fail="unavailable")
    jobs = [queue_job(key) for _ in range(20)]

    with running():
        wait_until(is_open)
        time.sleep(0.3)  # what was under way has ended
        tried = sum(GenerationJob.objects.values_list("attempt", flat=True))
        time.sleep(1)

        assert sum(GenerationJob.objects.values_list("attempt", flat=True)) == tried
    assert not GenerationJob.objects.exclude(status=JobStatus.QUEUED).exists()
    assert tried < len(jobs)


def test_one_job_tries_and_all_run_when_the_model_is_back(key: ApiKey) -> None:
    config = activate("Away", fail="unavailable")
    jobs = [queue_job(key) for _ in range(10)]

    with running():
        wait_until(is_open)
        wait_until(lambda: Breaker.objects.get().probes >= 1)
        mend(config)
        for job in jobs:
            wait_for_status(job, JobStatus.COMPLETED, timeout_s=30)

    assert not is_open()


def test_model_that_begins_to_answer_is_back_however_long_its_answer_takes(key: ApiKey) -> None:
    config = activate("Away", fail="unavailable")
    queue_job(key)
    queue_job(key)
    queue_job(key)

    with running():
        wait_until(is_open)
        mend(config, tokens_per_s=0.1)
        wait_until(lambda: not is_open(), timeout_s=10)
        wait_until(lambda: GenerationJob.objects.filter(status=JobStatus.IN_PROGRESS).count() == 3)


def test_jobs_that_were_put_off_for_long_run_soon_after_the_model_is_back(key: ApiKey) -> None:
    config = activate("Away", fail="unavailable")
    jobs = [queue_job(key) for _ in range(5)]

    with running():
        wait_until(is_open)
        wait_until(lambda: Breaker.objects.get().probes >= 1)
        waiting = GenerationJob.objects.filter(pk__in=[job.pk for job in jobs[:-1]])
        waiting.update(run_after=seconds_ago(-300), config=config, provider="dummy")
        mend(config)
        for job in jobs:
            wait_for_status(job, JobStatus.COMPLETED, timeout_s=30)


def test_another_configuration_is_not_held_up_by_the_breaker_of_the_former(
    key: ApiKey, settings: LazySettings
) -> None:
    settings.GENERATION_BREAKER_PROBE_S = 60
    activate("Away", fail="unavailable")
    jobs = [queue_job(key) for _ in range(5)]

    with running():
        wait_until(is_open)
        activate("There")
        for job in jobs:
            wait_for_status(job, JobStatus.COMPLETED, timeout_s=15)

    assert is_open()


def test_other_processes_see_an_open_breaker_before_they_try(key: ApiKey, settings: LazySettings) -> None:
    settings.GENERATION_BREAKER_PROBE_S = 60
    activate("Away", fail="unavailable")
    queue_job(key)
    with running():
        wait_until(is_open)

    GenerationJob.objects.update(attempt=0, run_after=None)
    with running():
        time.sleep(0.5)

    assert sum(GenerationJob.objects.values_list("attempt", flat=True)) == 0
