from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import OperationalError
from structlog.testing import capture_logs

from epochs.current import Epochs
from epochs.errors import EpochsUnknown
from generation.models import JobStatus
from generation.queue import attempts
from generation.queue.claims import Claim
from generation.queue.outcomes import AnsweredBy, Outcome, Postponement, Progress
from generation.running.execution import Attempt
from generators.known import Generators
from llmbackends import errors
from llmbackends.types import ChatChunk, FinishReason, Message, TokenUsage, ToolCallDelta
from tests.asyncio_support import run_async
from tests.generation.scripted import FOREVER, LAST, ScriptedBackend, answering
from tests.generators.rows import text_v1, unsaved

CLAIM = Claim(
    job_id=uuid.uuid4(),
    key_id=1,
    owner="worker",
    attempt=1,
    request={"prompt": "Hi"},
    postponements=0,
    claimed_at=datetime(2026, 1, 1, tzinfo=UTC),
    remaining_s=60,
)
WORTH_WAITING = [
    errors.BackendUnavailable("refused"),
    errors.RateLimited("429"),
    errors.BackendFailed("500"),
    errors.ConfigurationError("no key"),
    errors.AuthenticationFailed("401"),
    errors.ModelNotFound("404"),
]


@pytest.fixture(autouse=True)
def _text_alone(known: Callable[..., None]) -> None:
    known(text_v1())


def run(claim: Claim = CLAIM) -> Outcome | Postponement:
    async def attempt() -> Outcome | Postponement:
        return await Attempt(claim).run()

    return run_async(attempt())


def outcome_of(claim: Claim = CLAIM) -> Outcome:
    outcome = run(claim)
    assert isinstance(outcome, Outcome)
    return outcome


def test_attempt_collects_the_answer_and_who_gave_it(backend: ScriptedBackend) -> None:
    outcome = outcome_of()

    assert (outcome.status, outcome.text) == (JobStatus.COMPLETED, "Hello you")
    assert (outcome.finish_reason, outcome.usage) == (FinishReason.STOP, TokenUsage(3, 2))
    assert outcome.trace.answered_by == AnsweredBy(None, "", "scripted", "scripted-model")
    assert outcome.trace.first_chunk_s is not None
    assert outcome.trace.duration_s is not None
    assert backend.requests[0].messages == (Message("user", "Hi"),)
    assert backend.closed == 1


def test_attempt_collects_tool_calls(backend: ScriptedBackend) -> None:
    call = ToolCallDelta(0, id="1", name="add", arguments="{}")
    backend.stream_steps = [ChatChunk(tool_calls=(call,)), LAST]

    assert outcome_of().tool_calls == ({"id": "1", "name": "add", "arguments": "{}"},)


@pytest.mark.parametrize(
    "error", [*WORTH_WAITING, errors.BackendTimeout("slow"), errors.BadAnswer("no list")]
)
def test_failed_health_check_puts_the_job_off(backend: ScriptedBackend, error: errors.BackendError) -> None:
    backend.checks = [error]

    postponement = run()

    assert isinstance(postponement, Postponement)
    assert 0.5 <= postponement.delay_s <= 1
    assert error.message in postponement.trace.failure_detail
    assert postponement.trace.answered_by is not None
    assert not backend.requests


def test_configuration_that_cannot_be_used_puts_the_job_off(backend: ScriptedBackend) -> None:
    backend.selecting = errors.ConfigurationError("no key")

    assert isinstance(run(), Postponement)


@pytest.mark.parametrize("error", WORTH_WAITING)
def test_unprocessed_failure_before_any_output_puts_the_job_off(
    backend: ScriptedBackend, error: errors.BackendError
) -> None:
    backend.entering = [error]

    assert isinstance(run(), Postponement)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.BackendTimeout("slow"), "backend_timeout"),
        (errors.ConnectionLost("reset"), "backend_error"),
        (errors.BadAnswer("html"), "backend_error"),
        (errors.ContextLengthExceeded("9000 > 8192"), "context_length_exceeded"),
        (errors.UnsupportedFeature("images"), "invalid_request"),
    ],
)
def test_failure_that_waiting_does_not_mend_fails_the_job(
    backend: ScriptedBackend, error: errors.BackendError, code: str
) -> None:
    backend.entering = [error]

    outcome = outcome_of()

    assert outcome.status == JobStatus.FAILED
    assert outcome.error is not None
    assert outcome.error.code == code
    assert error.message in outcome.trace.failure_detail


def test_failure_after_output_has_begun_is_final_and_keeps_the_text(backend: ScriptedBackend) -> None:
    backend.stream_steps = [ChatChunk("Half an ans"), errors.BackendUnavailable("gone")]

    outcome = outcome_of()

    assert (outcome.status, outcome.text) == (JobStatus.FAILED, "Half an ans")


@pytest.mark.parametrize(("postponements", "least", "most"), [(0, 0.5, 1), (3, 4, 8), (50, 15, 30)])
def test_delay_doubles_with_each_postponement_up_to_a_limit(
    backend: ScriptedBackend, postponements: int, least: float, most: float
) -> None:
    backend.checks = [errors.BackendUnavailable("refused")]

    postponement = run(replace(CLAIM, postponements=postponements))

    assert isinstance(postponement, Postponement)
    assert least <= postponement.delay_s <= most


def test_delay_is_what_the_provider_asks_for_if_that_is_longer(backend: ScriptedBackend) -> None:
    backend.checks = [errors.RateLimited("429", retry_after_s=20)]

    postponement = run()

    assert isinstance(postponement, Postponement)
    assert postponement.delay_s == 20


def test_delay_beyond_the_deadline_fails_the_job_now(backend: ScriptedBackend) -> None:
    backend.checks = [errors.RateLimited("429", retry_after_s=3600)]

    outcome = outcome_of()

    assert outcome.error is not None
    assert (outcome.status, outcome.error.code) == (JobStatus.FAILED, "backend_unavailable")


def test_deadline_ends_a_generation_and_closes_the_stream(backend: ScriptedBackend) -> None:
    backend.stream_steps = [ChatChunk("Half"), FOREVER]

    outcome = outcome_of(replace(CLAIM, remaining_s=0.05))

    assert outcome.error is not None
    assert (outcome.error.code, outcome.text) == ("backend_timeout", "Half")
    assert backend.closed == 1


def test_deadline_before_the_backend_was_ready_keeps_what_was_wrong_before(backend: ScriptedBackend) -> None:
    backend.check_hangs = True

    outcome = outcome_of(replace(CLAIM, remaining_s=0.05, last_failure="BackendUnavailable: refused"))

    assert outcome.error is not None
    assert (outcome.status, outcome.error.code) == (JobStatus.FAILED, "backend_unavailable")
    assert "BackendUnavailable: refused" in outcome.trace.failure_detail


def test_failure_of_a_ready_backend_keeps_its_code_when_no_time_is_left(backend: ScriptedBackend) -> None:
    backend.entering = [errors.BackendFailed("500", retry_after_s=3600)]

    outcome = outcome_of()

    assert outcome.error is not None
    assert (outcome.status, outcome.error.code) == (JobStatus.FAILED, "backend_error")


@pytest.mark.parametrize("bug", [ZeroDivisionError("bug"), TimeoutError("bug")])
def test_bug_fails_the_job_and_is_logged_with_its_traceback(backend: ScriptedBackend, bug: Exception) -> None:
    backend.stream_steps = [bug]

    with capture_logs() as logs:
        outcome = outcome_of()

    assert outcome.error is not None
    assert outcome.error.code == "internal_error"
    assert "bug" not in outcome.error.message
    assert [entry["exc_info"] for entry in logs if entry["event"] == "job_crashed"] == [True]


def test_stream_without_a_finish_reason_is_never_a_success(backend: ScriptedBackend) -> None:
    backend.stream_steps = [ChatChunk("Hello")]

    outcome = outcome_of()

    assert outcome.error is not None
    assert (outcome.status, outcome.error.code) == (JobStatus.FAILED, "backend_error")


def test_cancelled_attempt_closes_the_stream_and_keeps_the_text(backend: ScriptedBackend) -> None:
    backend.stream_steps = [ChatChunk("Half"), FOREVER]

    async def cancel_half_way() -> Outcome:
        attempt = Attempt(CLAIM)
        running = asyncio.create_task(attempt.run())
        await asyncio.to_thread(backend.waiting.wait, 5)
        running.cancel()
        await asyncio.wait({running})
        assert running.cancelled()
        return attempt.cancelled()

    outcome = run_async(cancel_half_way())

    assert (outcome.status, outcome.text) == (JobStatus.CANCELLED, "Half")
    assert backend.closed == 1


@pytest.mark.parametrize(
    ("chunks", "tokens"),
    [
        ([ChatChunk("a"), ChatChunk("b"), ChatChunk("c")], 3),
        ([ChatChunk(reasoning="a"), ChatChunk("b")], 2),
        ([ChatChunk(tool_calls=(ToolCallDelta(0, name="f"),)), ChatChunk()], 1),
        ([ChatChunk("a"), ChatChunk(usage=TokenUsage(3, 17))], 17),
    ],
    ids=["texts", "reasoning", "tool calls", "the backend's count"],
)
def test_attempt_counts_the_tokens_so_far(
    backend: ScriptedBackend, chunks: list[ChatChunk], tokens: int
) -> None:
    backend.stream_steps = [*chunks, errors.BadAnswer("garbage")]

    assert outcome_of().tokens_so_far == tokens


JSON_CLAIM = replace(CLAIM, generator="json-v1")


@pytest.fixture
def json_v1(known: Callable[..., None]) -> Callable[..., None]:
    def make(**fields: Any) -> None:
        known(unsaved(name="json", output_kind="json", output_schema={"type": "object"}, **fields))

    make()
    return make


@pytest.mark.usefixtures("json_v1")
def test_json_that_fits_is_the_result(backend: ScriptedBackend) -> None:
    backend.streams = [answering('Sure: {"a": [1]}')]

    outcome = outcome_of(JSON_CLAIM)

    assert (outcome.status, outcome.text, outcome.data) == (JobStatus.COMPLETED, '{"a": [1]}', {"a": [1]})
    assert outcome.warnings == ()


@pytest.mark.usefixtures("json_v1")
def test_answer_that_fits_in_neither_try_fails_the_job_and_tells_staff_why(backend: ScriptedBackend) -> None:
    backend.stream_steps = answering("No.")

    outcome = outcome_of(JSON_CLAIM)

    assert outcome.error is not None
    assert (outcome.status, outcome.error.code) == (JobStatus.FAILED, "output_invalid")
    assert outcome.trace.failure_detail == "The answer holds no JSON that can be read."
    assert "JSON" not in outcome.error.message
    assert (outcome.text, outcome.usage, outcome.tokens_so_far) == ("No.", TokenUsage(6, 4), 4)


@pytest.mark.usefixtures("json_v1")
def test_log_tells_that_an_answer_does_not_fit_and_quotes_nothing(backend: ScriptedBackend) -> None:
    backend.stream_steps = answering('{"hunter2": 1, "hunter2": 2}')

    with capture_logs() as logs:
        outcome = outcome_of(JSON_CLAIM)

    assert "hunter2" in outcome.trace.failure_detail
    assert [entry["event"] for entry in logs] == ["output_misfit", "job_failed"]
    assert logs[1]["code"] == "output_invalid"
    assert "hunter2" not in str(logs)


@pytest.mark.usefixtures("json_v1")
def test_answer_that_does_not_fit_is_no_outage(backend: ScriptedBackend) -> None:
    backend.stream_steps = answering("No.")

    assert outcome_of(JSON_CLAIM).trace.was_there is True


def test_answer_that_does_not_fit_is_passed_on_where_the_generator_allows_it(
    backend: ScriptedBackend, json_v1: Callable[..., None]
) -> None:
    json_v1(allows_partial=True)
    backend.stream_steps = answering("No.")

    outcome = outcome_of(JSON_CLAIM)

    assert (outcome.status, outcome.text, outcome.data) == (JobStatus.COMPLETED, "No.", None)
    assert (outcome.warnings, outcome.usage) == (("output_incomplete",), TokenUsage(6, 4))
    assert outcome.trace.failure_detail == "The answer holds no JSON that can be read."


@pytest.mark.usefixtures("json_v1")
@pytest.mark.parametrize("error", WORTH_WAITING)
def test_outage_in_the_second_try_puts_the_job_off(
    backend: ScriptedBackend, error: errors.BackendError
) -> None:
    backend.entering = [None, error]
    backend.streams = [answering("No.")]

    postponement = run(JSON_CLAIM)

    assert isinstance(postponement, Postponement)
    assert 0.5 <= postponement.delay_s <= 1
    assert error.message in postponement.trace.failure_detail
    assert postponement.trace.was_there is False


@pytest.mark.usefixtures("json_v1")
def test_outage_in_the_second_try_of_the_last_attempt_fails_the_job(backend: ScriptedBackend) -> None:
    backend.entering = [None, errors.BackendUnavailable("gone")]
    backend.streams = [answering("No.")]

    outcome = outcome_of(replace(JSON_CLAIM, attempt=attempts.MOST))

    assert outcome.error is not None
    assert (outcome.error.code, outcome.usage) == ("backend_unavailable", None)
    assert outcome.estimate == TokenUsage(3, 2)


@pytest.mark.usefixtures("json_v1")
def test_failure_after_output_of_the_second_try_has_begun_is_final(backend: ScriptedBackend) -> None:
    backend.streams = [answering("No."), [ChatChunk("{"), errors.BackendUnavailable("gone")]]

    outcome = outcome_of(JSON_CLAIM)

    assert (outcome.status, outcome.text, outcome.trace.was_there) == (JobStatus.FAILED, "{", True)


@pytest.mark.usefixtures("json_v1")
def test_progress_begins_anew_with_the_second_try(backend: ScriptedBackend) -> None:
    backend.streams = [answering("No."), [ChatChunk('{"a'), FOREVER]]

    async def look_in_the_second_try() -> Progress:
        attempt = Attempt(JSON_CLAIM)
        running = asyncio.create_task(attempt.run())
        await asyncio.to_thread(backend.waiting.wait, 5)
        running.cancel()
        await asyncio.wait({running})
        return attempt.progress

    assert run_async(look_in_the_second_try()) == Progress('{"a', 2 + 1)
    assert backend.closed == 2


def test_retired_generator_still_answers_what_was_accepted(
    backend: ScriptedBackend, known: Callable[..., None]
) -> None:
    known(unsaved(name="text", system_prompt="Be brief.", is_active=False, is_current=False))

    assert outcome_of().status == JobStatus.COMPLETED
    assert backend.requests[0].messages[0] == Message("system", "Be brief.")


def test_generator_that_cannot_be_read_puts_the_job_off(
    backend: ScriptedBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unreadable(epochs: Epochs) -> Generators:
        raise OperationalError("down")

    monkeypatch.setattr("generators.known.known", unreadable)

    postponement = run()

    assert isinstance(postponement, Postponement)
    assert postponement.trace.answered_by is None
    assert not backend.requests


@pytest.mark.parametrize("epochs", [Epochs(1, 1, 1, is_stale=True), None])
def test_version_that_an_outage_hides_puts_the_job_off(
    backend: ScriptedBackend,
    known: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    epochs: Epochs | None,
) -> None:
    """It may have been published since the generators were read."""

    async def current() -> Epochs:
        if epochs is None:
            raise EpochsUnknown
        return epochs

    known()
    monkeypatch.setattr("generation.running.execution.current", current)
    monkeypatch.setattr("generators.known.last_known", lambda: Generators([]))

    postponement = run()

    assert isinstance(postponement, Postponement)
    assert "text-v1 is not among those" in postponement.trace.failure_detail
    assert not backend.requests


def test_job_of_a_generator_that_is_gone_fails(backend: ScriptedBackend, known: Callable[..., None]) -> None:
    known()

    outcome = outcome_of()

    assert outcome.error is not None
    assert (outcome.error.code, outcome.trace.failure_detail) == (
        "internal_error",
        "An error in the program: LookupError: There is no generator text-v1.",
    )
