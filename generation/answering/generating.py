"""An answer by a generator: the first try and, if that does not fit, one stricter one.

Whoever wants it drives it: a job's attempt, and staff who try out a generator.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog

from generators import asking, effort, outputs
from generators.asking import Given
from generators.definition import Definition
from generators.outputs import Fitting, Misfit
from llmbackends.errors import BackendFailed, ContextLengthExceeded, RequestError
from llmbackends.texts import Sentence
from llmbackends.types import (
    ChatChunk,
    ChatRequest,
    ChunkCollector,
    Feature,
    FinishReason,
    ResponseFormat,
    TokenUsage,
    ToolCall,
)
from usage import estimates

from . import refused_formats
from .completions import Completion

log = structlog.get_logger(__name__)

_Ask = Callable[[Collection[Feature]], ChatRequest]


@dataclass(frozen=True, slots=True)
class SecondTry:
    """What came so far is void: it did not fit, for the reason `fault`."""

    fault: Sentence


@dataclass(frozen=True, slots=True)
class Generated:
    """The answer. With a `misfit` it does not fit, and `text` is what the model said last.

    usage: of both tries; None unless both were counted.
    """

    text: str
    data: Any
    finish_reason: FinishReason
    tool_calls: tuple[ToolCall, ...]
    usage: TokenUsage | None
    misfit: Misfit | None


class Generating:
    """For one answer. `pieces` is iterated over once, to the end; then there is `generated()`."""

    _request: ChatRequest
    """The last one, answered or not."""

    def __init__(self, definition: Definition, given: Given) -> None:
        self._definition = definition
        self._given = given
        self.requests: list[ChatRequest] = []
        """Those that were sent so far: it grows."""
        self._features: Collection[Feature] = ()
        self._tries: list[_Try] = []
        self._read: Fitting | Misfit | None = None

    @property
    def text(self) -> str:
        """So far, of the try that is under way."""
        return self._tries[-1].text if self._tries else ""

    @property
    def tokens(self) -> int:
        """Of both tries: as the backend counted them or, until it has, the pieces in which they came."""
        return sum(each.tokens for each in self._tries)

    def estimate(self) -> TokenUsage:
        """What was used so far; estimated where nothing was counted."""
        return _sum([each.usage or each.estimate() for each in self._tries])

    async def pieces(self, completion: Completion) -> AsyncGenerator[ChatChunk | SecondTry, None]:
        """The chunks of the first try and perhaps, after a SecondTry, those of the stricter one.

        Close it (`contextlib.aclosing`) if you leave it early. Raises BackendError and, before anything is
        sent, what asking.first_request raises.
        """
        self._features = completion.features
        ask: _Ask = partial(asking.first_request, self._definition, self._given)
        for is_last in (False, True):
            try:
                async with self._opened(completion, ask) as chunks:
                    this = self._begin()
                    async for chunk in chunks:
                        this.add(chunk)
                        yield chunk
                        if this.characters > self._definition.max_output_chars:
                            break  # nobody will get the rest, so it need not be made
                    else:
                        this.collector.result()  # raises if it was cut
                self._read = await self._reading(this)
            except BackendFailed as error:
                self._take_for_misfit(error)
            except RequestError as error:
                if not is_last:
                    raise
                # Such as one that has become too long. What there is is the first answer.
                log.warning("stricter_request_refused", error=str(error))
            if is_last or not isinstance(self._read, Misfit):
                return
            yield SecondTry(self._read.fault)
            ask = self._stricter(self._read)

    def generated(self) -> Generated:
        last, read = self._tries[-1], self._read
        usages = [each.usage for each in self._tries if each.usage is not None]
        return Generated(
            text=read.text if isinstance(read, Fitting) else last.text[: self._definition.max_output_chars],
            data=read.data if isinstance(read, Fitting) else None,
            finish_reason=last.finish_reason,
            tool_calls=last.collector.result().tool_calls if isinstance(read, Fitting) else (),
            usage=_sum(usages) if len(usages) == len(self._tries) else None,
            misfit=read if isinstance(read, Misfit) else None,
        )

    async def _reading(self, this: _Try) -> Fitting | Misfit:
        return await effort.here_or_beside(outputs.read, self._definition, this.text, this.finish_reason)

    def _stricter(self, misfit: Misfit) -> _Ask:
        log.info("output_misfit", generator=self._definition.public_name)  # the fault may quote the answer
        return partial(
            asking.stricter_request, self._definition, self._given, answer=self.text, fault=misfit.fault
        )

    def _begin(self) -> _Try:
        self._tries.append(_Try(self._request))
        self.requests.append(self._request)
        return self._tries[-1]

    def _take_for_misfit(self, error: BackendFailed) -> None:
        """Raises the error unless it says that the model slipped while the service held it to the form: some
        throw such an answer away."""
        has_slipped = error.processed and error.retryable  # as llmbackends.mapping tells it
        if not has_slipped or self._request.response_format is None:
            raise error
        log.warning("output_format_slipped", error=str(error))
        if not self._tries or self._tries[-1].request is not self._request:
            self._begin()
        self._tries[-1].finish_reason = FinishReason.STOP
        self._read = Misfit(outputs.SLIPPED)

    @asynccontextmanager
    async def _opened(
        self, completion: Completion, ask: _Ask
    ) -> AsyncGenerator[AsyncIterator[ChatChunk], None]:
        """Entering waits for the first chunk, and asks again with less where the service refuses to be held
        to the form, at last in words alone: each knows another part of JSON Schema, and a model may know none
        of it. What it refused a while ago it is not asked at all."""
        active = completion.active
        refused: list[ResponseFormat] = []
        async with AsyncExitStack() as stack:
            while True:
                self._request = await effort.here_or_beside(ask, self._features)
                wanted = self._request.response_format
                if not refused_formats.is_refused(active, wanted):
                    try:
                        chunks = await stack.enter_async_context(completion.stream_ours(self._request))
                        break
                    except RequestError as error:
                        if wanted is None or isinstance(error, ContextLengthExceeded):
                            raise
                        log.warning("output_format_refused", error=str(error), config=active.config_name)
                        refused.append(wanted)
                self._features = _without(self._features, wanted)
            for each in refused:  # it takes the rest, so it was the form that it would not have
                refused_formats.note(active, each)
            yield chunks


def _without(features: Collection[Feature], refused: ResponseFormat | None) -> Collection[Feature]:
    """With the next weaker form, if there is one."""
    is_schema = refused is not None and refused.kind == "json_schema"
    return set(features) & {Feature.JSON_OBJECT} if is_schema else ()


class _Try:
    def __init__(self, request: ChatRequest) -> None:
        self.collector = ChunkCollector()
        self.characters = 0
        self.tokens = 0
        self.usage: TokenUsage | None = None
        self.finish_reason = FinishReason.LENGTH
        """Until a chunk has said why it ended."""
        self.request = request
        self._other_characters = 0

    @property
    def text(self) -> str:
        return self.collector.text

    def add(self, chunk: ChatChunk) -> None:
        self.collector.add(chunk)
        self.characters += len(chunk.text)
        self._other_characters += len(chunk.reasoning)
        for call in chunk.tool_calls:
            self._other_characters += len(call.arguments)
        if chunk.finish_reason is not None:
            self.finish_reason = chunk.finish_reason
        if chunk.usage is not None:
            self.usage, self.tokens = chunk.usage, chunk.usage.completion_tokens
        elif chunk.text or chunk.reasoning or chunk.tool_calls:
            self.tokens += 1

    def estimate(self) -> TokenUsage:
        characters = self.characters + self._other_characters
        return estimates.estimate([self.request], answered_characters=characters)


def _sum(usages: list[TokenUsage]) -> TokenUsage:
    return TokenUsage(
        sum(usage.prompt_tokens for usage in usages), sum(usage.completion_tokens for usage in usages)
    )
