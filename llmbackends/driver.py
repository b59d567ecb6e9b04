"""A backend over HTTP: a provider's row, its language, the HTTP client and the retries, put together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from . import wire as wires
from .base import CheckReport
from .catalog import Provider
from .errors import (
    BackendError,
    BadAnswer,
    ConfigurationError,
    ConnectionLost,
    ModelNotFound,
    UnsupportedFeature,
)
from .framing import parser_for
from .guard import Guard
from .http import HTTPAnswer, HTTPCall, HTTPClient
from .logprobs import limited_decoder, limited_result
from .mapping import error_from_answer
from .outgoing import Outgoing
from .requests import RequestRules
from .retry import RetryPolicy, call_with_retries, parse_retry_after
from .spec import BackendSpec
from .streaming import ChunkStream, SingleChunk
from .texts import Sentence, gettext_noop
from .types import ChatChunk, ChatRequest, ChatResult, EmbeddingRequest, EmbeddingResult
from .wire import EmbeddingWire, Wire, WireError
from .wire.payload import parse_json

T = TypeVar("T")

LOOK_UP_TIMEOUT_S = 10.0
"""For checks and lists of models: a service that takes longer to say it is well is not."""

# A kept connection may turn out to have ended. Whatever else is wrong, a look-up should say so at once.
_LOOK_UP_RETRIES = RetryPolicy(max_retries=1, base_s=0.1, only=ConnectionLost)
_MAX_ERROR_BYTES = 64 * 1024
_SHOWN = 200


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A request ready to be sent, and what is needed to read its answer."""

    http: HTTPCall
    route: str
    top_logprobs: int | None


class WireBackend:
    """Implements ChatBackend. `wire`: the language where it is none of ours (a plugin's)."""

    def __init__(self, spec: BackendSpec, provider: Provider, *, wire: Wire | None = None) -> None:
        self.name = provider.id
        self.model = spec.model
        self.features = provider.features
        self.sampling_parameters = provider.sampling_parameters
        self._spec = spec
        self._provider = provider
        self._wire = wire or wires.load(provider.wire or "")
        self._wire.check_options(spec.options)
        self._rules = RequestRules(spec, provider)
        self._outgoing = Outgoing(spec, provider)
        self._retries = RetryPolicy(spec.max_retries)
        self._guard = Guard(provider.label, spec.api_key)
        self._http = HTTPClient(
            connect_timeout_s=spec.connect_timeout_s,
            idle_timeout_s=spec.idle_timeout_s,
            max_connections=spec.max_connections,
            addresses=spec.addresses,
        )

    def __repr__(self) -> str:
        return f"WireBackend({self.name!r}, model={self.model!r}, endpoint={self._spec.endpoint_url!r})"

    async def complete(self, request: ChatRequest) -> ChatResult:
        prepared = self._prepare(request, stream=False)
        decode = partial(self._wire.decode, route=prepared.route, options=self._spec.options)
        result = await self._fetch(prepared.http, decode)
        return limited_result(result, request.top_logprobs)

    @asynccontextmanager
    async def stream(self, request: ChatRequest) -> AsyncIterator[AsyncIterator[ChatChunk]]:
        if self._wire.framing(self._spec.options) is None:
            yield SingleChunk(await self.complete(request))
            return
        prepared = self._prepare(request, stream=True)
        deadline = _deadline(self._spec.timeout_s)
        opened, chunks = await self._with_retries(lambda: self._open_stream(prepared, deadline), deadline)
        async with opened:
            yield chunks
            await chunks.finish()

    async def generate(self, prompt: str) -> str:
        return (await self.complete(ChatRequest(prompt=prompt))).text

    async def embed(self, request: EmbeddingRequest) -> EmbeddingResult:
        self._rules.require_embeddings()
        path, wire, options = self._provider.embeddings_path, self._wire, self._spec.options
        if path is None or not isinstance(wire, EmbeddingWire):
            raise ConfigurationError(
                Sentence(
                    gettext_noop("%(label)s has no route or no language for embeddings."),
                    label=self._provider.label,
                )
            )
        call = self._outgoing.post(path, wire.encode_embeddings(request, model=self.model, options=options))
        return await self._fetch(call, partial(wire.decode_embeddings, request=request, options=options))

    async def check(self) -> CheckReport:
        started_at = asyncio.get_running_loop().time()
        detail = await self._check()
        return CheckReport(detail, took_s=asyncio.get_running_loop().time() - started_at)

    async def list_models(self) -> tuple[str, ...]:
        path = self._models_path
        if path is None:
            text = gettext_noop("%(provider)s has no route that lists its models.")
            raise UnsupportedFeature(Sentence(text, provider=self._provider.label))
        return await self._look_up(path, self._read_models)

    async def aclose(self) -> None:
        await self._http.aclose()

    # One call

    def _prepare(self, request: ChatRequest, *, stream: bool) -> _Prepared:
        provider = self._provider
        call = self._wire.encode(
            self._rules.apply(request),
            model=self.model,
            stream=stream,
            prompt_route=provider.prompt_path is not None,
            options=self._spec.options,
        )
        path = call.path
        if path is None:
            path = (provider.prompt_path if call.route == "prompt" else provider.chat_path) or ""
        http = self._outgoing.post(
            path, call.body, method=call.method, headers=call.headers, ends_connection=stream
        )
        return _Prepared(http, call.route, request.top_logprobs)

    async def _fetch(self, call: HTTPCall, decode: Callable[[Any], T]) -> T:
        """What `decode` makes of the JSON of a plain answer."""
        deadline = _deadline(self._spec.timeout_s)

        async def attempt() -> T:
            async with self._http.send(call, deadline=deadline) as answer:
                await self._require_success(answer)
                payload = parse_json(await answer.read())
            return decode(payload)

        return await self._with_retries(attempt, deadline)

    async def _open_stream(self, prepared: _Prepared, deadline: float) -> tuple[AsyncExitStack, ChunkStream]:
        """The stream with its first chunk read, and the stack that closes its connection."""
        framing = self._wire.framing(self._spec.options)
        assert framing is not None
        async with AsyncExitStack() as stack:
            answer = await stack.enter_async_context(self._http.send(prepared.http, deadline=deadline))
            await self._require_success(answer)
            decoder = self._wire.stream_decoder(route=prepared.route, options=self._spec.options)
            decoder = limited_decoder(decoder, prepared.top_logprobs)
            chunks = ChunkStream(answer, parser_for(framing), decoder, self._guard)
            await chunks.wait_for_first()
            return stack.pop_all(), chunks

    # Look-ups

    @property
    def _models_path(self) -> str | None:
        return self._provider.models_path or self._wire.models_path(self._spec.options)

    async def _check(self) -> str:
        call = self._provider.check
        path = call.path or self._wire.check_path(self._spec.options) or self._models_path
        if path is None:
            return await self._look_up("", _read_any_answer, accepts_refusal=True)
        if path != self._models_path:
            return await self._look_up(path, _read_any_answer)
        names = await self._look_up(path, self._read_models)
        if call.lists_models and not {self.model, f"{self.model}:latest"} & set(names):
            raise ModelNotFound(self._lacks_model(names))
        return Sentence(gettext_noop("The service answers and lists %(count)s models."), count=len(names))

    def _lacks_model(self, names: tuple[str, ...]) -> Sentence:
        values = {"provider": self._provider.label, "model": repr(self.model)}
        if not names:
            text = gettext_noop("%(provider)s does not have the model %(model)s. It has: none.")
            return Sentence(text, **values)
        text = gettext_noop("%(provider)s does not have the model %(model)s. It has: %(names)s.")
        return Sentence(text, **values, names=", ".join(names[:20]))

    async def _look_up(
        self,
        path: str,
        read: Callable[[HTTPAnswer], Awaitable[T]],
        *,
        accepts_refusal: bool = False,
    ) -> T:
        """What `read` makes of the answer to a GET. `accepts_refusal`: of a 3xx or 4xx answer as well."""
        call = self._outgoing.look_up(path)
        deadline = _deadline(min(self._spec.timeout_s, LOOK_UP_TIMEOUT_S))

        async def attempt() -> T:
            async with self._http.send(call, deadline=deadline) as answer:
                if not (accepts_refusal and answer.status < 500):
                    await self._require_success(answer)
                return await read(answer)

        return await self._with_retries(attempt, deadline, _LOOK_UP_RETRIES)

    async def _read_models(self, answer: HTTPAnswer) -> tuple[str, ...]:
        return self._wire.decode_models(parse_json(await answer.read()), options=self._spec.options)

    # Answers and errors

    async def _require_success(self, answer: HTTPAnswer) -> None:
        if not 200 <= answer.status < 300:
            raise await self._error_of(answer)

    async def _error_of(self, answer: HTTPAnswer) -> BackendError:
        body = await answer.read_start(_MAX_ERROR_BYTES)
        return error_from_answer(
            status=answer.status,
            error=self._wire_error(answer, body),
            retry_after_s=parse_retry_after(answer.headers.get("Retry-After")),
            provider=self._provider.label,
        )

    def _wire_error(self, answer: HTTPAnswer, body: bytes) -> WireError | None:
        if 300 <= answer.status < 400:
            return WireError(f"it redirects to {answer.headers.get('Location', 'nowhere')}.")
        with suppress(BadAnswer):
            if said := self._wire.decode_error(parse_json(body), options=self._spec.options):
                return said
        text = " ".join(body.decode("utf-8", "replace").split())
        return WireError(text[:_SHOWN]) if text else None

    async def _with_retries(
        self,
        attempt: Callable[[], Awaitable[T]],
        deadline: float,
        policy: RetryPolicy | None = None,
    ) -> T:
        async def guarded_attempt() -> T:
            with self._guard:
                return await attempt()

        return await call_with_retries(guarded_attempt, policy or self._retries, deadline=deadline)


async def _read_any_answer(answer: HTTPAnswer) -> str:
    await answer.read()
    return Sentence(gettext_noop("The service answers with status %(status)s."), status=answer.status)


def _deadline(timeout_s: float) -> float:
    return asyncio.get_running_loop().time() + timeout_s
