"""The usage record of an attempt, written together with what the attempt came to."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import DatabaseError
from django.utils import timezone

from apikeys.models import ApiKey
from generation.failures import API_ERRORS
from generation.models import GenerationJob, JobStatus
from generation.queue import endings
from generation.queue.claims import Claim
from generation.queue.outcomes import AnsweredBy, Outcome, Trace, failed
from llmbackends.types import TokenUsage
from tests.generation.jobs import COMPLETED, TRACE, claim_next, queue_job
from usage.models import UsageRecord

ESTIMATE = TokenUsage(3, 4)
CANCELLED = Outcome(status=JobStatus.CANCELLED, trace=TRACE, text="Half an answer", estimate=ESTIMATE)
UNREACHED = Trace(AnsweredBy(None, "", "dummy", "dummy"), failure_detail="refused")


@pytest.fixture
def claim(key: ApiKey) -> Claim:
    queue_job(key, request={"prompt": "Hello you"})
    claim = claim_next("worker")
    assert claim is not None
    return claim


def tokens(record: UsageRecord) -> tuple[int, int, bool]:
    return record.prompt_tokens, record.completion_tokens, record.is_estimated


def test_result_is_recorded_with_who_gave_it(claim: Claim, key: ApiKey) -> None:
    trace = replace(TRACE, answered_by=AnsweredBy(7, "Main", "ollama", "codellama:13b"))

    endings.finish(claim, replace(COMPLETED, trace=trace))

    record = UsageRecord.objects.get()
    assert (record.api_key, record.route, record.request_id) == (key, "jobs", str(claim.job_id))
    assert (record.outcome, record.error_code, tokens(record)) == ("completed", "", (3, 2, False))
    assert (record.config_id, record.config_name) == (7, "Main")
    assert (record.provider, record.model_name) == ("ollama", "codellama:13b")
    assert (record.first_token_s, record.duration_s) == (0.1, 0.2)
    assert abs(timezone.now() - record.at) < timedelta(seconds=10)


def test_tokens_are_estimated_where_the_backend_gave_none(claim: Claim) -> None:
    endings.finish(claim, replace(COMPLETED, usage=None, estimate=ESTIMATE))

    assert tokens(UsageRecord.objects.get()) == (3, 4, True)


def test_cancelled_attempt_is_recorded_with_what_it_used(claim: Claim) -> None:
    endings.finish(claim, CANCELLED)

    record = UsageRecord.objects.get()
    assert (record.outcome, tokens(record)) == ("cancelled", (3, 4, True))


def test_failure_after_the_first_token_is_recorded_with_what_it_used(claim: Claim) -> None:
    endings.finish(claim, failed(API_ERRORS["backend_error"], trace=TRACE, estimate=ESTIMATE))

    record = UsageRecord.objects.get()
    assert (record.outcome, record.error_code) == ("failed", "backend_error")
    assert tokens(record) == (3, 4, True)


def test_failure_before_the_first_token_costs_nothing(claim: Claim) -> None:
    endings.finish(claim, failed(API_ERRORS["backend_unavailable"], trace=UNREACHED))

    record = UsageRecord.objects.get()
    assert (record.outcome, tokens(record)) == ("failed", (0, 0, False))


def test_late_result_is_not_the_jobs_but_has_used_tokens(claim: Claim) -> None:
    endings.give_back(claim)
    claim_next("other")

    stored = endings.finish(claim, COMPLETED)

    record = UsageRecord.objects.get()
    assert not stored
    assert (record.outcome, record.error_code) == ("cancelled", "superseded")
    assert tokens(record) == (3, 2, False)


def test_attempt_that_is_given_back_half_way_is_recorded(claim: Claim) -> None:
    endings.give_back(claim, unfinished=CANCELLED)

    record = UsageRecord.objects.get()
    assert (record.outcome, record.error_code) == ("cancelled", "superseded")
    assert GenerationJob.objects.get().status == JobStatus.QUEUED


def test_attempt_that_is_given_back_before_the_first_token_is_not_recorded(claim: Claim) -> None:
    endings.give_back(claim, unfinished=replace(CANCELLED, trace=UNREACHED, text=""))

    assert not UsageRecord.objects.exists()


def test_finish_again_after_a_lost_confirmation_records_once(claim: Claim) -> None:
    endings.finish(claim, COMPLETED)
    endings.finish(claim, COMPLETED)

    assert UsageRecord.objects.count() == 1


def test_give_back_again_after_a_lost_confirmation_records_once(claim: Claim) -> None:
    endings.give_back(claim, unfinished=CANCELLED)
    endings.give_back(claim, unfinished=CANCELLED)

    assert UsageRecord.objects.count() == 1


def test_attempt_that_nobody_wants_is_recorded_once_and_the_next_one_too(claim: Claim) -> None:
    endings.record_unwanted(claim, CANCELLED)
    endings.record_unwanted(claim, CANCELLED)
    endings.give_back(claim)
    again = claim_next("other")
    assert again is not None
    endings.record_unwanted(again, CANCELLED)

    assert UsageRecord.objects.count() == 2


def test_result_and_record_are_stored_together_or_not_at_all(
    claim: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(entries: object) -> None:
        raise DatabaseError("disk full")

    monkeypatch.setattr("usage.records.store", fail)

    with pytest.raises(DatabaseError):
        endings.finish(claim, COMPLETED)

    assert GenerationJob.objects.get().status == JobStatus.IN_PROGRESS
