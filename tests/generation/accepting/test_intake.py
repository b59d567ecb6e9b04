"""Many jobs submitted at one moment, through the writer that commits them together."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import IntegrityError, InterfaceError, OperationalError

from apikeys.models import ApiKey
from generation.accepting import dispatch, intake, submission
from generation.accepting.submission import Submitted, submit_durably
from generation.errors import IdempotencyKeyReused
from generation.models import GenerationJob, JobStatus
from generation.requests import GenerationRequest
from generators import effort
from tests.asyncio_support import run_async
from tests.database_outages import database_out_of_reach

pytestmark = pytest.mark.django_db(transaction=True)
HELLO = GenerationRequest(prompt="Hello", priority=2, metadata={"order": "7"})


@pytest.fixture(autouse=True)
def _stopped() -> Iterator[None]:
    yield
    intake.stop()


def submit_all(*requests: dict[str, Any]) -> list[Any]:
    async def together() -> list[Any]:
        return await asyncio.gather(
            *(submit_durably(**request) for request in requests), return_exceptions=True
        )

    return run_async(together(), timeout_s=20)  # type: ignore[no-any-return]


def hold_first_batch(monkeypatch: pytest.MonkeyPatch, until: threading.Event) -> list[int]:
    """The sizes of the batches that are stored from here on. One that the database was not there for does not
    count: it comes again."""
    stored: list[int] = []
    real = intake.insert

    def counted(rows: Any) -> None:
        assert until.wait(20)
        real(rows)
        stored.append(len(rows))

    monkeypatch.setattr(intake, "insert", counted)
    return stored


def test_loop_serves_others_while_a_request_is_checked(key: ApiKey, monkeypatch: pytest.MonkeyPatch) -> None:
    served = threading.Event()
    has_begun = threading.Event()

    def slowly(*args: Any) -> Any:
        effort.spend(effort.MOST_STEPS + 1)
        has_begun.set()
        assert served.wait(10)
        return real(*args)

    real = submission.validate
    monkeypatch.setattr(submission, "validate", slowly)

    async def both() -> Submitted:
        submitting = asyncio.ensure_future(submit_durably(key=key, request=HELLO))
        while not has_begun.is_set():
            await asyncio.sleep(0.01)
        served.set()
        return await submitting

    assert run_async(both()).created


def test_submitted_job_is_in_the_database_as_it_was_asked_for(key: ApiKey) -> None:
    (submitted,) = submit_all({"key": key, "request": HELLO, "idempotency_key": "order-7"})

    job = GenerationJob.objects.get()
    assert submitted == Submitted(job, created=True)
    assert (job.key, job.status, job.priority, job.metadata) == (key, JobStatus.QUEUED, 2, {"order": "7"})
    assert (job.request, job.idempotency_key) == ({"prompt": "Hello"}, "order-7")
    assert (job.attempt, job.text, job.tool_calls, job.warnings) == (0, "", [], [])
    assert job.created_at == submitted.job.created_at


def test_jobs_that_come_together_are_stored_together_and_wake_the_workers_once(
    key: ApiKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes while a batch is being stored, be it long or short, is the next batch."""
    all_wait, woken = threading.Event(), []
    stored = hold_first_batch(monkeypatch, all_wait)
    monkeypatch.setattr(dispatch, "jobs_queued", woken.append)

    async def submit_while_the_first_is_stored() -> list[Submitted]:
        submitting = [asyncio.create_task(submit_durably(key=key, request=HELLO)) for _ in range(100)]
        await asyncio.sleep(0)  # each of them has come as far as to wait for its commit
        all_wait.set()
        return await asyncio.gather(*submitting)

    submitted = run_async(submit_while_the_first_is_stored(), timeout_s=20)

    assert GenerationJob.objects.count() == len({each.job.pk for each in submitted}) == 100
    assert len(stored) <= 2
    assert woken == stored


def test_one_idempotency_key_makes_one_job_within_a_batch(key: ApiKey) -> None:
    submitted = submit_all(*({"key": key, "request": HELLO, "idempotency_key": "same"} for _ in range(20)))

    job = GenerationJob.objects.get()
    assert {each.job.pk for each in submitted} == {job.pk}
    assert sum(each.created for each in submitted) == 1


def test_idempotency_key_of_an_earlier_job_gives_that_job_as_it_is_now(key: ApiKey) -> None:
    first = submission.submit(key=key, request=HELLO, idempotency_key="same").job
    GenerationJob.objects.update(status=JobStatus.COMPLETED)

    (again,) = submit_all({"key": key, "request": HELLO, "idempotency_key": "same"})

    assert (again.job.pk, again.job.status, again.created) == (first.pk, JobStatus.COMPLETED, False)


def test_idempotency_key_with_another_request_is_refused_and_the_others_are_not(key: ApiKey) -> None:
    submission.submit(key=key, request=HELLO, idempotency_key="same")
    other = GenerationRequest(prompt="Other")

    refused, stored = submit_all(
        {"key": key, "request": other, "idempotency_key": "same"}, {"key": key, "request": other}
    )

    assert isinstance(refused, IdempotencyKeyReused)
    assert stored.created


def test_job_that_the_database_refuses_fails_no_other(key: ApiKey) -> None:
    gone = ApiKey(pk=987_654)

    answers = submit_all(*({"key": gone if number == 5 else key, "request": HELLO} for number in range(12)))

    assert [number for number, each in enumerate(answers) if isinstance(each, IntegrityError)] == [5]
    assert GenerationJob.objects.count() == 11


def test_commit_that_was_reported_failed_makes_no_second_job(
    key: ApiKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, answers = intake.insert, []

    def insert_and_lose_the_confirmation(rows: Any) -> None:
        real(rows)
        answers.append(len(rows))
        if len(answers) == 1:
            raise OperationalError("the server closed the connection")

    monkeypatch.setattr(intake, "insert", insert_and_lose_the_confirmation)

    (submitted,) = submit_all({"key": key, "request": HELLO, "idempotency_key": "same"})

    assert submitted.created
    assert GenerationJob.objects.get().pk == submitted.job.pk
    assert answers == [1, 1]


def test_database_that_is_away_is_told_after_a_few_seconds(
    key: ApiKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "PATIENCE_S", 1.5)

    with database_out_of_reach():
        began_at = time.monotonic()
        answers = submit_all(*({"key": key, "request": HELLO} for _ in range(3)))
        took_s = time.monotonic() - began_at

    assert [type(each) for each in answers] == [OperationalError] * 3
    assert took_s < 5
    assert submit_all({"key": key, "request": HELLO})[0].created


def test_database_that_neither_stores_nor_fails_is_told_after_a_while(
    key: ApiKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "LONGEST_WAIT_S", 0.3)
    answers_again = threading.Event()
    hold_first_batch(monkeypatch, answers_again)

    (refused,) = submit_all({"key": key, "request": HELLO, "idempotency_key": "same"})
    answers_again.set()
    monkeypatch.undo()
    (again,) = submit_all({"key": key, "request": HELLO, "idempotency_key": "same"})

    assert isinstance(refused, OperationalError)
    assert GenerationJob.objects.get() == again.job


def test_cursor_that_was_closed_is_no_reason_to_refuse(key: ApiKey, monkeypatch: pytest.MonkeyPatch) -> None:
    real, errors = intake.insert, [InterfaceError("the cursor is closed")]

    def fail_first(rows: Any) -> None:
        if errors:
            raise errors.pop()
        real(rows)

    monkeypatch.setattr(intake, "insert", fail_first)

    assert submit_all({"key": key, "request": HELLO})[0].created


def test_no_more_than_the_bound_waits(key: ApiKey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "MOST_WAITING", 0)

    (refused,) = submit_all({"key": key, "request": HELLO})

    assert isinstance(refused, OperationalError)


def test_client_that_leaves_does_not_trouble_the_others(key: ApiKey) -> None:
    async def leave_one() -> Submitted:
        leaving = asyncio.create_task(submit_durably(key=key, request=HELLO))
        staying = asyncio.create_task(submit_durably(key=key, request=HELLO))
        await asyncio.sleep(0)
        leaving.cancel()
        return await staying

    assert run_async(leave_one(), timeout_s=20).created
