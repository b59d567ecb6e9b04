from __future__ import annotations

import asyncio
import contextlib
import threading
import time
import uuid

import pytest
from django.db import OperationalError, connections
from structlog.testing import capture_logs

from apikeys.models import ApiKey
from generation.errors import JobNotFound
from generation.following import watching
from generation.following.watching import changes, wait_until_finished
from generation.models import GenerationJob, JobStatus
from tests.asyncio_support import run_async
from tests.generation.jobs import queue_job
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _ended_poller() -> object:
    yield
    wait_until(lambda: not poller_threads(), timeout_s=5)


def poller_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "job-watcher"]


async def change(job: GenerationJob, **fields: object) -> None:
    def update() -> None:
        GenerationJob.objects.filter(pk=job.pk).update(**fields)
        connections.close_all()

    await asyncio.to_thread(update)


def test_wait_returns_a_finished_job_at_once(key: ApiKey) -> None:
    job = queue_job(key, status=JobStatus.COMPLETED, text="Done.")

    finished = run_async(wait_until_finished(job.pk, timeout_s=10), timeout_s=5)

    assert (finished.status, finished.text) == (JobStatus.COMPLETED, "Done.")


def test_watching_does_not_read_requests_which_may_be_megabytes(key: ApiKey) -> None:
    job = queue_job(key, status=JobStatus.COMPLETED)

    finished = run_async(wait_until_finished(job.pk, timeout_s=10), timeout_s=5)

    assert finished.get_deferred_fields() == {"request", "failure_detail"}


def test_wait_ends_when_the_job_is_finished(key: ApiKey) -> None:
    job = queue_job(key)

    async def finish_while_waiting() -> GenerationJob:
        waiting = asyncio.create_task(wait_until_finished(job.pk, timeout_s=10))
        await asyncio.sleep(0.3)
        assert not waiting.done()
        await change(job, status=JobStatus.FAILED)
        return await waiting

    assert run_async(finish_while_waiting(), timeout_s=5).status == JobStatus.FAILED


@pytest.mark.parametrize("timeout_s", [0, 0.3])
def test_wait_returns_the_job_as_it_is_when_the_time_is_over(key: ApiKey, timeout_s: float) -> None:
    job = queue_job(key)

    waited = run_async(wait_until_finished(job.pk, timeout_s=timeout_s), timeout_s=5)

    assert waited.status == JobStatus.QUEUED


def test_wait_for_an_unknown_job_is_not_found() -> None:
    with pytest.raises(JobNotFound):
        run_async(wait_until_finished(uuid.uuid4(), timeout_s=5))


def test_changes_come_in_order_and_end_with_the_finished_job(key: ApiKey) -> None:
    job = queue_job(key)
    steps = [
        {"status": JobStatus.IN_PROGRESS, "attempt": 1},
        {"text": "Half"},
        {"text": "Half an answer"},
        {"status": JobStatus.COMPLETED},
    ]

    async def follow() -> list[tuple[str, str]]:
        seen = []
        async for latest in changes(job.pk):
            seen.append((latest.status, latest.text))
            if steps:
                await change(job, **steps.pop(0))
        return seen

    assert run_async(follow(), timeout_s=10) == [
        ("queued", ""),
        ("in_progress", ""),
        ("in_progress", "Half"),
        ("in_progress", "Half an answer"),
        ("completed", "Half an answer"),
    ]


def test_changes_do_not_repeat_what_has_not_changed(key: ApiKey) -> None:
    job = queue_job(key)

    async def count_for_a_while() -> int:
        count = 0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.6):
                async for _ in changes(job.pk):
                    count += 1
        return count

    assert run_async(count_for_a_while()) == 1


def test_many_watchers_on_several_loops_share_one_thread_and_one_select(
    key: ApiKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = [queue_job(key) for _ in range(30)]
    looks: list[float] = []
    real = watching._states

    def counted(job_ids: object) -> object:
        looks.append(time.monotonic())
        return real(job_ids)  # type: ignore[arg-type]

    monkeypatch.setattr(watching, "_states", counted)

    async def wait_for_all() -> list[GenerationJob]:
        return await asyncio.gather(*(wait_until_finished(job.pk, timeout_s=10) for job in jobs))

    results: list[list[GenerationJob]] = []
    loops = [
        threading.Thread(target=lambda: results.append(run_async(wait_for_all(), timeout_s=10)))
        for _ in range(3)
    ]
    for loop in loops:
        loop.start()
    wait_until(lambda: len(looks) >= 5)
    threads_meanwhile = len(poller_threads())
    GenerationJob.objects.update(status=JobStatus.COMPLETED)
    for loop in loops:
        loop.join()

    assert threads_meanwhile == 1
    assert [len(result) for result in results] == [30, 30, 30]
    assert looks[4] - looks[0] >= 0.35


def test_poller_ends_when_the_last_watcher_has_left(key: ApiKey) -> None:
    job = queue_job(key)

    async def leave_early() -> None:
        async with contextlib.aclosing(changes(job.pk)) as following:
            await anext(following)
            assert len(poller_threads()) == 1

    run_async(leave_early())

    wait_until(lambda: not poller_threads(), timeout_s=5)


def test_watchers_outlive_a_database_that_is_away_for_a_while(
    key: ApiKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = queue_job(key)
    monkeypatch.setattr(watching, "_PAUSE_S", 0.05)
    real = watching._states
    is_down = threading.Event()

    def sometimes(job_ids: object) -> object:
        if is_down.is_set():
            raise OperationalError("the server closed the connection")
        return real(job_ids)  # type: ignore[arg-type]

    monkeypatch.setattr(watching, "_states", sometimes)

    async def wait_through_an_outage() -> GenerationJob:
        following = changes(job.pk)
        await anext(following)
        is_down.set()
        await asyncio.sleep(0.3)
        await change(job, status=JobStatus.COMPLETED)
        is_down.clear()
        return await anext(following)

    with capture_logs() as logs:
        finished = run_async(wait_through_an_outage(), timeout_s=5)

    assert finished.status == JobStatus.COMPLETED
    assert "watching_waits_for_database" in {entry["event"] for entry in logs}


def test_watcher_who_has_seen_nothing_is_told_that_the_database_is_away(
    key: ApiKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = queue_job(key)

    def down(job_ids: object) -> object:
        raise OperationalError("the server closed the connection")

    monkeypatch.setattr(watching, "_states", down)
    monkeypatch.setattr(watching, "_PAUSE_S", 0.05)

    with pytest.raises(OperationalError):
        run_async(wait_until_finished(job.pk, timeout_s=10), timeout_s=5)
