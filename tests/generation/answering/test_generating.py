"""An answer by a generator: the first try, the stricter one, and what both come to."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest

from generation.answering import completions
from generation.answering.generating import Generated, Generating, SecondTry
from generators import asking, effort, outputs
from generators.asking import Given
from generators.definition import Definition
from llmbackends import errors
from llmbackends.types import ChatChunk, Feature, FinishReason, Message, ResponseFormat, Sampling, TokenUsage
from tests.asyncio_support import run_async
from tests.generation.scripted import ScriptedBackend, answering
from tests.generators.rows import ANY_OBJECT, COLUMNS, definition

HELLO = Given(input={"prompt": "Hello"})
JSON = definition(output_kind="json", output_schema=ANY_OBJECT)
HTML = definition(output_kind="fenced", fence_language="html")
BOTH = {"temperature", "max_tokens"}
GOOD, BAD = answering('Here: {"a": 1}'), answering("No.")


def run(generating: Generating) -> list[ChatChunk | SecondTry]:
    async def generate() -> list[ChatChunk | SecondTry]:
        async with completions.begin() as completion, aclosing(generating.pieces(completion)) as pieces:
            return [piece async for piece in pieces]

    return run_async(generate())


def generated(wanted: Definition, given: Given = HELLO) -> Generated:
    generating = Generating(wanted, given)
    run(generating)
    return generating.generated()


def test_first_answer_that_fits_is_the_answer(backend: ScriptedBackend) -> None:
    backend.streams = [GOOD]

    answer = generated(JSON)

    assert (answer.text, answer.data, answer.misfit) == ('{"a": 1}', {"a": 1}, None)
    assert (answer.finish_reason, answer.usage) == (FinishReason.STOP, TokenUsage(3, 2))
    assert len(backend.requests) == backend.closed == 1


def test_block_is_the_text_of_a_generator_of_blocks(backend: ScriptedBackend) -> None:
    backend.streams = [answering("Here:\n```html\n<p>\n```")]

    answer = generated(HTML)

    assert (answer.text, answer.data) == ("<p>", None)


def test_answer_that_does_not_fit_gets_a_stricter_try_that_shows_the_fault(
    backend: ScriptedBackend,
) -> None:
    backend.streams = [BAD, GOOD]

    answer = generated(JSON)

    first, second = backend.requests
    assert second.messages[: len(first.messages)] == first.messages
    assert second.messages[-2] == Message("assistant", "No.")
    assert "The answer holds no JSON that can be read." in second.messages[-1].text
    assert (answer.data, answer.misfit, answer.usage) == ({"a": 1}, None, TokenUsage(6, 4))
    assert backend.closed == 2


def test_second_answer_that_does_not_fit_is_told_with_its_fault(backend: ScriptedBackend) -> None:
    backend.streams = [BAD, answering("Still no.")]

    answer = generated(JSON)

    assert answer.misfit is not None
    assert (answer.text, answer.data, answer.usage) == ("Still no.", None, TokenUsage(6, 4))
    assert len(backend.requests) == 2


def test_text_is_what_has_come_of_the_running_try_and_tokens_are_of_both(backend: ScriptedBackend) -> None:
    backend.streams = [BAD, [ChatChunk("{"), ChatChunk("}"), errors.BackendFailed("gone")]]
    generating = Generating(JSON, HELLO)

    with pytest.raises(errors.BackendFailed):
        run(generating)

    assert (generating.text, generating.tokens) == ("{}", 2 + 2)
    assert generating.estimate() == TokenUsage(3 + generating._tries[1].estimate().prompt_tokens, 2 + 1)


def test_pieces_tell_where_the_second_try_begins(backend: ScriptedBackend) -> None:
    backend.streams = [BAD, GOOD]

    pieces = run(Generating(JSON, HELLO))

    assert [isinstance(piece, SecondTry) for piece in pieces] == [False] * 3 + [True] + [False] * 3


def test_usage_is_unknown_where_one_try_was_not_counted(backend: ScriptedBackend) -> None:
    backend.streams = [BAD, [ChatChunk("{}"), ChatChunk(finish_reason=FinishReason.STOP)]]

    assert generated(JSON).usage is None


def test_answer_that_was_cut_gets_a_stricter_try(backend: ScriptedBackend) -> None:
    backend.streams = [answering('{"a": 1}', FinishReason.LENGTH), GOOD]

    assert generated(JSON).data == {"a": 1}
    assert "cut off at its length limit" in backend.requests[1].messages[-1].text


def test_text_that_was_cut_is_a_text(backend: ScriptedBackend) -> None:
    backend.streams = [answering("Half an", FinishReason.LENGTH)]

    answer = generated(definition())

    assert (answer.text, answer.finish_reason, answer.misfit) == ("Half an", FinishReason.LENGTH, None)


def test_answer_that_is_too_long_is_left_at_once(backend: ScriptedBackend) -> None:
    def endless() -> list[Any]:
        return [ChatChunk("x" * 6), ChatChunk("x" * 6), RuntimeError("It was read on.")]

    backend.streams = [endless(), endless()]

    answer = generated(definition(max_output_chars=10))

    assert answer.misfit is not None
    assert (answer.text, answer.finish_reason) == ("x" * 10, FinishReason.LENGTH)
    assert backend.closed == 2


@pytest.mark.parametrize(
    "refusal", [errors.RequestError("no such schema"), errors.UnsupportedFeature("json_schema")]
)
def test_service_that_refuses_the_schema_is_asked_in_words(
    backend: ScriptedBackend, refusal: errors.BackendError
) -> None:
    backend.features = frozenset({Feature.JSON_SCHEMA})
    backend.entering = [refusal]
    backend.streams = [BAD, GOOD]

    assert generated(JSON).data == {"a": 1}
    assert [request.response_format is None for request in backend.requests] == [False, True, True]


def test_service_that_refused_the_schema_is_not_asked_with_it_again_for_a_while(
    backend: ScriptedBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend.features = frozenset({Feature.JSON_SCHEMA})
    backend.streams = [GOOD] * 4
    backend.entering = [errors.RequestError("no such schema")]

    other = definition(output_kind="json", output_schema={"type": "object", "required": ["a"]})
    for each in (other, other, JSON):
        generated(each)
    later = time.monotonic() + 3600
    monkeypatch.setattr(time, "monotonic", lambda: later)
    generated(other)

    assert kinds_of(backend) == [
        *("json_schema", None),  # refused, and in words
        None,
        "json_schema",  # which says nothing of another schema
        "json_schema",  # long after that
    ]


def test_service_that_refuses_the_schema_is_held_to_json_if_it_can_be(backend: ScriptedBackend) -> None:
    """Most models of a service may know the one and not the other."""
    backend.features = frozenset({Feature.JSON_SCHEMA, Feature.JSON_OBJECT})
    backend.entering = [errors.RequestError("no such schema")]
    backend.streams = [GOOD] * 2

    wanted = definition(output_kind="json", output_schema={"type": "object", "required": ["a"]})
    generated(wanted)
    generated(wanted)

    assert kinds_of(backend) == ["json_schema", "json_object", "json_object"]


def test_service_that_refuses_any_form_is_asked_in_words_and_with_none_for_a_while(
    backend: ScriptedBackend,
) -> None:
    backend.features = frozenset({Feature.JSON_SCHEMA, Feature.JSON_OBJECT})
    backend.entering = [errors.RequestError("no such form")] * 2
    backend.streams = [GOOD] * 3

    wanted = definition(output_kind="json", output_schema={"type": "object", "required": ["a"]})
    for each in (wanted, wanted, JSON):
        generated(each)

    assert kinds_of(backend) == ["json_schema", "json_object", None, None, None]


def kinds_of(backend: ScriptedBackend) -> list[str | None]:
    return [request.response_format and request.response_format.kind for request in backend.requests]


def test_request_that_is_refused_in_words_too_says_nothing_of_the_schema(backend: ScriptedBackend) -> None:
    backend.features = frozenset({Feature.JSON_SCHEMA, Feature.JSON_OBJECT})
    backend.entering = [errors.RequestError("no such image")] * 2

    with pytest.raises(errors.RequestError):
        generated(JSON)
    backend.streams = [GOOD]
    generated(JSON)

    assert backend.requests[-1].response_format is not None


@pytest.mark.parametrize("error", [errors.ContextLengthExceeded("long"), errors.BackendUnavailable("gone")])
def test_other_failures_are_failures(backend: ScriptedBackend, error: errors.BackendError) -> None:
    backend.features = frozenset({Feature.JSON_OBJECT})
    backend.entering = [error]

    with pytest.raises(type(error)):
        run(Generating(JSON, HELLO))
    assert len(backend.requests) == 1
    assert backend.requests[0].response_format == ResponseFormat("json_object")


def slipped() -> errors.BackendError:
    return errors.BackendFailed("json_validate_failed", processed=True)


@pytest.mark.parametrize("is_at_once", [True, False])
def test_answer_that_the_service_threw_away_did_not_fit(backend: ScriptedBackend, is_at_once: bool) -> None:
    backend.features = frozenset({Feature.JSON_SCHEMA})
    backend.entering = [slipped()] if is_at_once else []
    backend.streams = [GOOD] if is_at_once else [[ChatChunk('{"a'), slipped()], GOOD]

    answer = generated(JSON)

    assert (answer.data, answer.usage) == ({"a": 1}, None)
    assert "did not have the form" in backend.requests[1].messages[-1].text


def test_same_failure_of_a_service_that_was_not_held_to_a_form_is_a_failure(backend: ScriptedBackend) -> None:
    backend.streams = [[ChatChunk('{"a'), slipped()]]

    with pytest.raises(errors.BackendFailed):
        run(Generating(JSON, HELLO))


def test_stricter_request_that_is_refused_leaves_the_first_answer(backend: ScriptedBackend) -> None:
    backend.entering = [None, errors.ContextLengthExceeded("long")]
    backend.streams = [BAD]

    answer = generated(JSON)

    assert answer.misfit is not None
    assert (answer.text, answer.usage) == ("No.", TokenUsage(3, 2))


@pytest.mark.parametrize(
    ("wanted", "known", "own", "asked"),
    [
        (Sampling(0.1, max_tokens=50), BOTH, 100, Sampling(0.1, max_tokens=50)),
        (Sampling(0.1, max_tokens=500), BOTH, 100, Sampling(0.1, max_tokens=100)),
        (Sampling(0.1, max_tokens=500), {"max_tokens"}, None, Sampling(max_tokens=500)),
        (Sampling(), BOTH, 100, Sampling()),
    ],
)
def test_sampling_is_what_staff_set_within_the_configurations_max_tokens(
    backend: ScriptedBackend, wanted: Sampling, known: set[str], own: int | None, asked: Sampling
) -> None:
    """Whatever the configuration lets clients set, which by default is no temperature."""
    backend.sampling_parameters = frozenset(known)
    backend.own_sampling = Sampling(temperature=0.7, max_tokens=own)

    generated(definition(temperature=wanted.temperature, max_tokens=wanted.max_tokens))

    assert backend.requests[0].sampling == asked


def test_input_becomes_the_prompt(backend: ScriptedBackend) -> None:
    form = definition(prompt_template="{{table}}", input_schema=COLUMNS)

    generated(form, Given(input={"table": "orders"}))

    assert backend.requests[0].messages == (Message("user", "orders"),)


@pytest.mark.parametrize("slow", [(outputs, "read"), (asking, "prompt_of")])
def test_loop_serves_others_while_an_answer_is_read_or_a_prompt_is_made(
    backend: ScriptedBackend, monkeypatch: pytest.MonkeyPatch, slow: tuple[Any, str]
) -> None:
    served = threading.Event()
    has_begun = threading.Event()

    def slowly(*args: Any) -> Any:
        effort.spend(effort.MOST_STEPS + 1)
        has_begun.set()
        assert served.wait(10)
        return real(*args)

    real = getattr(*slow)
    monkeypatch.setattr(*slow, slowly)
    backend.streams = [GOOD]

    async def both() -> Any:
        async with completions.begin() as completion:
            generating = Generating(JSON, HELLO)
            async with aclosing(generating.pieces(completion)) as pieces:
                answering = asyncio.ensure_future(_all(pieces))
                while not has_begun.is_set():
                    await asyncio.sleep(0.01)
                served.set()
                await answering
            return generating.generated().data

    assert run_async(both()) == {"a": 1}


async def _all(pieces: AsyncIterator[Any]) -> None:
    async for _piece in pieces:
        pass
