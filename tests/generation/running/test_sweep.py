"""What one worker does for all: here retention, and who does it; lapsed leases are in test_reap.py."""

from __future__ import annotations

import pytest
from django.conf import LazySettings
from django.contrib.sessions.models import Session

from apikeys.models import ApiKey
from generation import retention
from generation.models import GenerationJob, JobStatus, Lease
from generation.running import leases, sweeping
from tests.generation.jobs import queue_job, seconds_ago


def ended(key: ApiKey, seconds: float, **fields: object) -> GenerationJob:
    return queue_job(
        key,
        **{"status": JobStatus.COMPLETED, "finished_at": seconds_ago(seconds), "text": "An answer."}
        | {"data": {"a": 1}, "tool_calls": [{"id": "1"}], "prompt_tokens": 3, "metadata": {"order": "7"}}
        | fields,
    )


def test_results_are_deleted_after_their_time_and_rows_kept(key: ApiKey, settings: LazySettings) -> None:
    settings.GENERATION_RESULT_RETENTION_S = 60
    old, young, unfinished = ended(key, 61), ended(key, 50), queue_job(key)

    sweeping.sweep("worker")

    for job in (old, young, unfinished):
        job.refresh_from_db()
    assert (old.request, old.text, old.data, old.tool_calls) == ({}, "", None, [])
    assert old.result_expired_at is not None
    assert (old.status, old.prompt_tokens, old.metadata) == (JobStatus.COMPLETED, 3, {"order": "7"})
    assert (young.text, young.result_expired_at) == ("An answer.", None)
    assert unfinished.request == {"prompt": "Hello"}


def test_without_the_setting_nothing_is_deleted(key: ApiKey, settings: LazySettings) -> None:
    settings.GENERATION_RESULT_RETENTION_S = 0
    ended(key, 10_000_000)

    assert not retention.expire()

    assert GenerationJob.objects.get().text == "An answer."


def test_many_results_are_deleted_in_batches(
    key: ApiKey, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.GENERATION_RESULT_RETENTION_S = 60
    monkeypatch.setattr(retention, "_BATCH", 3)
    for _ in range(7):
        ended(key, 100)

    sweeping.sweep("worker")

    assert not GenerationJob.objects.filter(result_expired_at__isnull=True).exists()


def test_one_worker_sweeps_and_another_when_its_lease_has_lapsed(key: ApiKey) -> None:
    sweeping.sweep("first")
    queue_job(key, deadline_in_s=-1)

    assert sweeping.sweep("second") == 0
    Lease.objects.update(expires_at=seconds_ago(1))
    assert sweeping.sweep("second") == 1


def test_sweeping_deletes_the_rows_of_sessions_that_are_over(key: ApiKey) -> None:
    for name, ends_at in (("over", seconds_ago(1)), ("lasting", seconds_ago(-600))):
        Session.objects.create(session_key=name, session_data="", expire_date=ends_at)

    sweeping.sweep("worker")

    assert Session.objects.get().session_key == "lasting"


def test_worker_that_stops_leaves_the_sweeping_to_the_next(key: ApiKey) -> None:
    sweeping.sweep("first")
    queue_job(key, deadline_in_s=-1)

    sweeping.release("first")

    assert sweeping.sweep("second") == 1


def test_worker_that_has_lost_the_lease_deletes_nothing(
    key: ApiKey, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.GENERATION_RESULT_RETENTION_S = 60
    ended(key, 100)
    monkeypatch.setattr(sweeping.lapses, "reap", lambda: leases.release(sweeping.NAME, "slow") or 0)

    sweeping.sweep("slow")

    assert GenerationJob.objects.get().text == "An answer."
