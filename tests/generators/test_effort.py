from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

from generators import asking, effort, inputs, outputs
from generators.asking import Given
from generators.errors import InvalidInput
from llmbackends.types import FinishReason
from tests.asyncio_support import run_async
from tests.generators.rows import definition

ANYTHING = {"type": "object"}
FORMS = {"anyOf": [{"const": number} for number in range(100)]}


def done(function: Callable[..., Any], *args: Any) -> tuple[bool, Any]:
    """Whether it was done beside the event loop, and what it returned."""

    async def called() -> tuple[bool, Any]:
        loop_thread = threading.get_ident()

        def told() -> tuple[bool, Any]:
            result = function(*args)
            return threading.get_ident() != loop_thread, result

        return await effort.here_or_beside(told)

    return run_async(called())  # type: ignore[no-any-return]


def test_loop_serves_others_while_something_takes_long() -> None:
    served = threading.Event()

    def work() -> bool:
        effort.spend(effort.MOST_STEPS + 1)
        return served.wait(10)

    async def both() -> bool:
        working = asyncio.ensure_future(effort.here_or_beside(work))
        await asyncio.sleep(0)  # it begins
        served.set()
        return await working

    assert run_async(both())


def test_something_that_takes_long_fails_as_it_would_on_the_loop() -> None:
    def work() -> None:
        effort.spend(effort.MOST_STEPS + 1)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_async(effort.here_or_beside(work))


def test_steps_of_one_are_not_those_of_the_next() -> None:
    async def many() -> list[int]:
        return [await effort.here_or_beside(work) for _ in range(3)]

    def work() -> int:
        effort.spend(effort.MOST_STEPS)
        return threading.get_ident()

    assert run_async(many()) == [threading.get_ident()] * 3


@pytest.mark.parametrize(
    ("schema", "given", "is_beside"),
    [
        (ANYTHING, {"prompt": "Hello", "list": [1, 2, 3]}, False),
        (ANYTHING, {"text": "x" * 50_000}, False),
        (ANYTHING, {"text": "x" * 2_000_000}, True),
        (ANYTHING, {"list": [0] * 5_000}, True),
        ({**ANYTHING, "additionalProperties": FORMS}, {"a": 0}, False),
        ({**ANYTHING, "additionalProperties": {"items": FORMS}}, {"a": ["x"] * 20}, True),
    ],
)
def test_input_is_checked_beside_the_loop_if_that_takes_long(
    schema: Any, given: Any, is_beside: bool
) -> None:
    wanted = definition(input_schema=schema, max_input_chars=10_000_000)

    def check() -> None:
        with contextlib.suppress(InvalidInput):
            inputs.check(wanted, given)

    assert done(check)[0] == is_beside


@pytest.mark.parametrize(
    ("template", "is_beside"),
    [
        ("{{#a}}{{.}}{{/a}}", False),
        ("{{#a}}{{#a}}{{.}}{{/a}}{{/a}}", True),
        ("{{#a}}{{#a}}{{/a}}{{/a}}", True),
        ("{{#a}}{{a}}{{/a}}!", True),
    ],
)
def test_prompt_is_made_beside_the_loop_if_that_takes_long(template: str, is_beside: bool) -> None:
    wanted = definition(prompt_template="!" + template, input_schema=ANYTHING)

    assert done(asking.prompt_of, wanted, Given(input={"a": list(range(100))}))[0] == is_beside


@pytest.mark.parametrize(("length", "is_beside"), [(1_000, False), (200_000, True)])
def test_answer_is_read_beside_the_loop_if_that_takes_long(length: int, is_beside: bool) -> None:
    wanted = definition(output_kind="json")
    answer = json.dumps({"a": "x" * length})

    was_beside, read = done(outputs.read, wanted, answer, FinishReason.STOP)

    assert (was_beside, read) == (is_beside, outputs.Fitting(answer, {"a": "x" * length}))


def test_short_answer_that_is_much_work_for_its_schema_is_read_beside_the_loop() -> None:
    wanted = definition(output_kind="json", output_schema={"type": "array", "items": FORMS})

    assert done(outputs.read, wanted, json.dumps(["x"] * 20), FinishReason.STOP)[0]
