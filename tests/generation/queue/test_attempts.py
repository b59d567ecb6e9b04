"""Each attempt that has ended is a row for staff."""

from __future__ import annotations

from dataclasses import replace

from apikeys.models import ApiKey
from generation.failures import API_ERRORS
from generation.models import GenerationJob, JobAttempt
from generation.queue.endings import finish, give_back
from generation.queue.lapses import reap
from generation.queue.outcomes import AnsweredBy, Postponement, Trace, failed
from tests.generation.jobs import COMPLETED, claim_next, queue_job, seconds_ago

AWAY = Trace(AnsweredBy(7, "Main", "ollama", "codellama"), failure_detail="BackendUnavailable: refused")


def rows() -> list[tuple[int, str, str, str]]:
    return list(JobAttempt.objects.values_list("number", "owner", "outcome", "reason"))


def test_attempts_of_a_job_are_kept_with_their_reasons(key: ApiKey) -> None:
    job = queue_job(key)
    first = claim_next("a")
    assert first is not None
    give_back(first, Postponement(delay_s=0, trace=AWAY))
    GenerationJob.objects.update(run_after=None)
    second = claim_next("b")
    assert second is not None
    give_back(second)
    claim_next("c")
    GenerationJob.objects.update(lease_expires_at=seconds_ago(1))
    reap()
    fourth = claim_next("d")
    assert fourth is not None

    finish(fourth, COMPLETED)

    assert [(number, owner, outcome) for number, owner, outcome, _ in rows()] == [
        (1, "a", "postponed"),
        (2, "b", "given_back"),
        (3, "c", "lease_lost"),
        (4, "d", "completed"),
    ]
    assert rows()[0][3] == "BackendUnavailable: refused"
    attempt = JobAttempt.objects.get(number=1)
    assert (attempt.config_id, attempt.config_name, attempt.model_name) == (7, "Main", "codellama")
    assert JobAttempt.objects.get(number=4).completion_tokens == 2
    assert not JobAttempt.objects.filter(started_at=None).exists()
    job.refresh_from_db()
    assert job.attempt == JobAttempt.objects.count()


def test_failure_is_kept_with_what_staff_may_know(key: ApiKey) -> None:
    queue_job(key)
    claim = claim_next("a")
    assert claim is not None

    finish(claim, failed(API_ERRORS["backend_error"], trace=replace(AWAY, failure_detail="BadAnswer: x")))

    assert rows() == [(1, "a", "failed", "BadAnswer: x")]


def test_attempt_that_is_stored_again_after_a_lost_confirmation_is_there_once(key: ApiKey) -> None:
    queue_job(key)
    claim = claim_next("a")
    assert claim is not None

    finish(claim, COMPLETED)
    finish(claim, COMPLETED)

    assert len(rows()) == 1


def test_late_result_does_not_change_what_became_of_the_attempt(key: ApiKey) -> None:
    queue_job(key)
    late = claim_next("a")
    assert late is not None
    GenerationJob.objects.update(lease_expires_at=seconds_ago(1))
    reap()

    finish(late, COMPLETED)

    assert [outcome for _, _, outcome, _ in rows()] == ["lease_lost"]
