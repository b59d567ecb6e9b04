from __future__ import annotations

import json
from dataclasses import replace

import pytest

from apikeys.models import ApiKey
from generation.failures import API_ERRORS
from generation.models import JobStatus
from generation.queue.claims import claim_due
from generation.queue.endings import finish, finish_all, give_back
from generation.queue.outcomes import AnsweredBy, Trace, failed
from llmconfigs.models import LLMConfig
from tests.generation.jobs import COMPLETED, TRACE, claim_next, queue_job


def test_finish_stores_the_result_and_ends_the_lease(key: ApiKey) -> None:
    job = queue_job(key)
    claim = claim_next("worker")
    assert claim is not None

    stored = finish(claim, COMPLETED)

    job.refresh_from_db()
    assert stored
    assert job.status == JobStatus.COMPLETED
    assert (job.text, job.finish_reason) == ("An answer.", "stop")
    assert (job.prompt_tokens, job.completion_tokens) == (3, 2)
    assert (job.provider, job.model_name, job.first_chunk_s, job.duration_s) == ("dummy", "dummy", 0.1, 0.2)
    assert job.finished_at is not None
    assert job.lease_expires_at is None


def test_finish_stores_a_failure_with_its_cause_for_staff(key: ApiKey) -> None:
    job = queue_job(key)
    claim = claim_next("worker")
    assert claim is not None

    finish(claim, failed(API_ERRORS["backend_error"], trace=replace(TRACE, failure_detail="BadAnswer: x")))

    job.refresh_from_db()
    assert job.status == JobStatus.FAILED
    assert (job.error_code, job.error_message) == ("backend_error", API_ERRORS["backend_error"].message)
    assert job.failure_detail == "BadAnswer: x"


def test_late_result_of_an_older_attempt_is_refused(key: ApiKey) -> None:
    job = queue_job(key)
    late = claim_next("worker")
    assert late is not None
    give_back(late)
    current = claim_next("worker")
    assert current is not None

    stored = finish(late, COMPLETED)

    job.refresh_from_db()
    assert not stored
    assert (job.status, job.text) == (JobStatus.IN_PROGRESS, "")
    assert finish(current, COMPLETED)


def test_result_of_another_owner_is_refused(key: ApiKey) -> None:
    job = queue_job(key)
    claim = claim_next("worker")
    assert claim is not None

    stored = finish(replace(claim, owner="stranger"), COMPLETED)

    job.refresh_from_db()
    assert not stored
    assert job.status == JobStatus.IN_PROGRESS


def test_finish_again_after_a_lost_confirmation_is_no_late_result(key: ApiKey) -> None:
    queue_job(key)
    claim = claim_next("worker")
    assert claim is not None
    finish(claim, COMPLETED)

    assert finish(claim, COMPLETED)


def test_finish_survives_that_the_configuration_was_deleted_meanwhile(key: ApiKey) -> None:
    config = LLMConfig.objects.create(name="Gone", provider="dummy", model_name="m")
    trace = Trace(AnsweredBy(config.pk, "Gone", "dummy", "m"))
    job = queue_job(key)
    claim = claim_next("worker")
    assert claim is not None
    config.delete()

    finish(claim, replace(COMPLETED, trace=trace))

    job.refresh_from_db()
    assert (job.status, job.config_id, job.config_name) == (JobStatus.COMPLETED, None, "Gone")


def test_finish_records_the_configuration_that_answered(key: ApiKey) -> None:
    config = LLMConfig.objects.create(name="Here", provider="dummy", model_name="m")
    job = queue_job(key)
    claim = claim_next("worker")
    assert claim is not None

    finish(claim, replace(COMPLETED, trace=Trace(AnsweredBy(config.pk, "Here", "dummy", "m"))))

    job.refresh_from_db()
    assert job.config_id == config.pk


@pytest.mark.parametrize("text", ["nul \x00 byte", "half \ud800 pair"])
def test_finish_replaces_characters_that_no_database_stores(key: ApiKey, text: str) -> None:
    job = queue_job(key)
    claim = claim_next("worker")
    assert claim is not None

    assert finish(claim, replace(COMPLETED, text=text))

    job.refresh_from_db()
    assert "\ufffd" in job.text


def test_finish_replaces_such_characters_in_tool_calls_too(key: ApiKey) -> None:
    job = queue_job(key)
    claim = claim_next("worker")
    assert claim is not None

    assert finish(claim, replace(COMPLETED, tool_calls=({"id": "1", "name": "f", "arguments": "\x00"},)))

    job.refresh_from_db()
    assert job.tool_calls == [{"id": "1", "name": "f", "arguments": "\ufffd"}]


@pytest.mark.parametrize(
    "data", [{"b": [1, 2.5, None], "a": {"ä": True}}, [], "text", 0, 10**99, -1.5e-7, None], ids=str
)
def test_finish_stores_the_data_and_the_warnings(key: ApiKey, data: object) -> None:
    job = queue_job(key)
    claim = claim_next("worker")
    assert claim is not None

    finish(claim, replace(COMPLETED, data=data, warnings=("output_incomplete",)))

    job.refresh_from_db()
    assert (job.data, job.warnings) == (data, ["output_incomplete"])


def test_finish_stores_results_with_and_without_data_together(key: ApiKey) -> None:
    jobs = [queue_job(key) for _ in range(3)]
    claims = claim_due("worker", 3)

    finish_all(
        dict(zip(claims, (replace(COMPLETED, data=data) for data in (None, {"a": 1}, None)), strict=True))
    )

    for job in jobs:
        job.refresh_from_db()
    assert [job.data for job in jobs] == [None, {"a": 1}, None]


def test_finish_replaces_such_characters_in_data_too(key: ApiKey) -> None:
    job = queue_job(key)
    claim = claim_next("worker")
    assert claim is not None

    finish(claim, replace(COMPLETED, data={"nul \x00": ["half \ud800", 1]}))

    job.refresh_from_db()
    assert job.data == {"nul \ufffd": ["half \ufffd", 1]}


def test_request_and_data_keep_the_order_of_their_names_and_the_form_of_their_numbers(key: ApiKey) -> None:
    """A model is asked what the client has sent, and the client gets what the model has written."""
    written = '{"zeta": 1e+300, "a": 2.0, "물": [{"b": null, "aa": true}]}'
    job = queue_job(key, request={"input": json.loads(written)})
    claim = claim_next("worker")
    assert claim is not None

    finish(claim, replace(COMPLETED, data=json.loads(written)))

    job.refresh_from_db()
    texts = [json.dumps(value, ensure_ascii=False) for value in (claim.request["input"], job.data)]
    assert texts == [written, written]
