"""Asking a service whether it is there and can answer, from code that has no event loop.

Each call builds the backend on an event loop of its own and closes both again, so it works in any thread, on
a stored row's spec and on one that was never saved.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from llmbackends.base import ChatBackend, CheckReport
from llmbackends.errors import BackendError, BackendTimeout
from llmbackends.spec import BackendSpec
from llmbackends.texts import Sentence, gettext_noop
from llmbackends.types import ChatRequest, ChatResult, Message, Sampling

from .building import build
from .wording import explain

T = TypeVar("T")

CHECK_TIMEOUT_S = 15.0
ANSWER_TIMEOUT_S = 60.0
"""A model that is loaded for its first answer may take long; no administrator waits longer."""
MODELS_TIMEOUT_S = 15.0
_CLOSE_TIMEOUT_S = 5.0

MOST_TOKENS = 16
MOST_MODELS = 1000
_SHOWN = 200
_QUESTION = "Reply with one word: ready"
_CHECK_LATE = gettext_noop("The service did not answer the check within %(seconds)s s.")
_MODELS_LATE = gettext_noop("The service did not answer the question for its models within %(seconds)s s.")
_ANSWER_LATE = gettext_noop("The service did not answer a tiny request within %(seconds)s s.")


@dataclass(frozen=True, slots=True)
class ProbeFailure:
    """`message` is English and for logs, `reason` for the person who asked, in their language."""

    error_type: str
    message: str
    reason: str


@dataclass(frozen=True, slots=True)
class Probe:
    """A health check and then one tiny generation, as far as they came.

    check_s, answer_s: how long each took; None where it did not end well. text: the start of the answer.
    completion_tokens: None where the service does not count.
    """

    check_s: float | None = None
    detail: str = ""
    answer_s: float | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    text: str = ""
    failure: ProbeFailure | None = None

    @property
    def is_ok(self) -> bool:
        return self.failure is None


def probe(spec: BackendSpec) -> Probe:
    """Takes at most CHECK_TIMEOUT_S and ANSWER_TIMEOUT_S, and a moment for closing."""
    return asyncio.run(_Probing(spec).run())


def check(spec: BackendSpec) -> CheckReport:
    """The health check alone, which costs no tokens. Raises BackendError."""
    return asyncio.run(_with_backend(replace(spec, max_retries=0), partial(_checked, spec)))


def fetch_models(spec: BackendSpec) -> tuple[str, ...]:
    """The names that the service lists, at most MOST_MODELS. Raises BackendError, as where it has no list."""
    # To be asked which models there are, a service needs none to be named.
    spec = replace(spec, model=spec.model or "any", max_retries=0)
    return asyncio.run(_with_backend(spec, _list_models))


async def _checked(spec: BackendSpec, backend: ChatBackend) -> CheckReport:
    return await _within(min(spec.timeout_s, CHECK_TIMEOUT_S), backend.check(), _CHECK_LATE)


async def _list_models(backend: ChatBackend) -> tuple[str, ...]:
    return (await _within(MODELS_TIMEOUT_S, backend.list_models(), _MODELS_LATE))[:MOST_MODELS]


class _Probing:
    def __init__(self, spec: BackendSpec) -> None:
        self._spec = replace(spec, max_retries=0)
        self._found = Probe()

    async def run(self) -> Probe:
        try:
            await _with_backend(self._spec, self._ask)
        except BackendError as error:
            return replace(self._found, failure=_failure(error))
        return self._found

    async def _ask(self, backend: ChatBackend) -> None:
        report = await _checked(self._spec, backend)
        self._found = replace(self._found, check_s=report.took_s, detail=report.detail)
        began_at = time.monotonic()
        timeout_s = min(self._spec.timeout_s, ANSWER_TIMEOUT_S)
        result = await _within(timeout_s, backend.complete(_tiny_request(backend)), _ANSWER_LATE)
        self._found = _with_answer(self._found, result, took_s=time.monotonic() - began_at)


def _tiny_request(backend: ChatBackend) -> ChatRequest:
    is_bounded = "max_tokens" in backend.sampling_parameters
    return ChatRequest(
        messages=(Message("user", _QUESTION),),
        sampling=Sampling(max_tokens=MOST_TOKENS) if is_bounded else Sampling(),
    )


def _with_answer(found: Probe, result: ChatResult, *, took_s: float) -> Probe:
    return replace(
        found,
        answer_s=took_s,
        prompt_tokens=result.usage.prompt_tokens if result.usage else None,
        completion_tokens=result.usage.completion_tokens if result.usage else None,
        text=" ".join((result.text or result.reasoning).split())[:_SHOWN],
    )


async def _with_backend(spec: BackendSpec, use: Callable[[ChatBackend], Awaitable[T]]) -> T:
    backend = build(spec)
    try:
        return await use(backend)
    finally:
        with suppress(TimeoutError):
            await asyncio.wait_for(backend.aclose(), _CLOSE_TIMEOUT_S)


async def _within(timeout_s: float, work: Awaitable[T], late: str) -> T:
    """`late`: the message if it takes longer, with a place for the seconds."""
    try:
        async with asyncio.timeout(timeout_s):
            return await work
    except TimeoutError as error:
        raise BackendTimeout(Sentence(late, seconds=f"{timeout_s:g}")) from error


def _failure(error: BackendError) -> ProbeFailure:
    return ProbeFailure(error.error_type, error.message, explain(error))
