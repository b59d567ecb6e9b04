"""A backend that answers in this process with llama.cpp, from a GGUF file on this machine.

The file is loaded on first use and read again when it has changed. Replace it by renaming another over it:
it is mapped into memory, so the process dies if the file is cut short while the model reads it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import Future
from pathlib import Path
from typing import Self, TypeVar

from .base import CheckReport
from .catalog import Provider
from .errors import BackendError, RequestError
from .in_process import Deadline, InProcessBackend
from .llama import pool
from .llama.embedder import Embedder
from .llama.model import Generation, Item, LlamaModel
from .llama.model_file import Purpose, make_recipe, require_gguf
from .logprobs import limited_decoder
from .spec import BackendSpec
from .texts import Sentence, gettext_noop
from .types import ChatChunk, ChatRequest, EmbeddingRequest, EmbeddingResult
from .wire import StreamDecoder, WireCall, openai_chat
from .wire.payload import parse_json

T = TypeVar("T")

DEFAULT_CONTEXT_SIZE = 4096
_END_OF_STREAM = "[DONE]"
_UNLIMITED = 2**31


class LocalBackend(InProcessBackend):
    """Implements ChatBackend. Its model is shared with every other backend of the same file and options.

    Nothing is tried again: what fails in this process fails again.
    """

    def __init__(self, spec: BackendSpec, provider: Provider) -> None:
        super().__init__(spec, provider)
        self._path = Path(spec.options["model_path"]).absolute()
        self.model = spec.model or self._path.stem
        self._kept: dict[Purpose, pool.SharedModel] = {}

    @contextlib.asynccontextmanager
    async def stream(self, request: ChatRequest) -> AsyncIterator[AsyncIterator[ChatChunk]]:
        call = self._encode(request)
        deadline = Deadline(self._spec.timeout_s)
        async with self._loaded("chat", deadline) as model:
            assert isinstance(model, LlamaModel)
            decoder = openai_chat.stream_decoder(route=call.route, options={})
            chunks = _ChunkStream(limited_decoder(decoder, request.top_logprobs), deadline)
            generation = _generation(call, chunks.receive)
            model.submit(generation)
            try:
                await chunks.wait_for_first()
                yield chunks
            finally:
                model.withdraw(generation)

    async def embed(self, request: EmbeddingRequest) -> EmbeddingResult:
        self.prepare_embedding()
        body = json.dumps(openai_chat.encode_embeddings(request, model=self.model, options={}))
        deadline = Deadline(self._spec.timeout_s)
        async with self._loaded("embeddings", deadline) as embedder:
            assert isinstance(embedder, Embedder)
            answer = await _embeddings_by(embedder, body, deadline)
        return openai_chat.decode_embeddings(parse_json(answer), request=request, options={})

    async def check(self) -> CheckReport:
        started_at = asyncio.get_running_loop().time()
        size = await asyncio.to_thread(require_gguf, self._path)
        took_s = asyncio.get_running_loop().time() - started_at
        template = gettext_noop("%(path)s is a GGUF file of %(size)s MB.")
        return CheckReport(Sentence(template, path=self._path, size=f"{size / 1e6:,.1f}"), took_s)

    async def list_models(self) -> tuple[str, ...]:
        await asyncio.to_thread(require_gguf, self._path)
        return (self._path.stem,)

    async def aclose(self) -> None:
        """Returns when the memory is free, if nobody else uses the model."""
        await super().aclose()
        kept, self._kept = self._kept, {}
        for shared in [each for each in kept.values() if pool.release(each)]:
            await _result_of(shared.freed)

    def _encode(self, request: ChatRequest) -> WireCall:
        return openai_chat.encode(
            self.prepare(request), model=self.model, stream=True, prompt_route=True, options={}
        )

    @contextlib.asynccontextmanager
    async def _loaded(self, purpose: Purpose, deadline: Deadline) -> AsyncIterator[LlamaModel | Embedder]:
        shared = self._acquire(purpose)
        try:
            self._keep(shared)
            async with deadline.limit(Sentence(gettext_noop("Loading the model")), processed=False):
                model = await _result_of(shared.loaded)
            yield model
        finally:
            pool.release(shared)

    def _acquire(self, purpose: Purpose) -> pool.SharedModel:
        options = self._spec.options
        recipe = make_recipe(
            self._path,
            context_size=options.get("context_size", DEFAULT_CONTEXT_SIZE),
            threads=options.get("threads"),
            purpose=purpose,
        )
        return pool.acquire(recipe)

    def _keep(self, shared: pool.SharedModel) -> None:
        """Stays a user of the model between requests, even if this one gives up before it is loaded."""
        purpose = shared.recipe.purpose
        before = self._kept.get(purpose)
        if shared is before:
            return
        pool.retain(shared)
        self._kept[purpose] = shared
        if before is not None:
            pool.release(before)


class _ChunkStream(AsyncIterator[ChatChunk]):
    """The chunks of one generation. `receive` may be called from any thread, the rest on the event loop."""

    def __init__(self, decoder: StreamDecoder, deadline: Deadline) -> None:
        self._decoder = decoder
        self._deadline = deadline
        self._loop = asyncio.get_running_loop()
        self._items: asyncio.Queue[Item] = asyncio.Queue()
        self._pending: deque[ChatChunk] = deque()

    def receive(self, item: Item) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody reads any more
            self._loop.call_soon_threadsafe(self._items.put_nowait, item)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ChatChunk:
        while not self._pending:
            if self._decoder.ended:
                raise StopAsyncIteration
            async with self._deadline.limit(Sentence(gettext_noop("Waiting for the model's answer"))):
                item = await self._items.get()
            self._pending.extend(self._decoded(item))
        return self._pending.popleft()

    async def wait_for_first(self) -> None:
        """Returns once a chunk is there; raises the error that came instead."""
        self._pending.appendleft(await anext(self))

    def _decoded(self, item: Item) -> Iterable[ChatChunk]:
        if isinstance(item, BackendError):
            raise item
        return self._decoder.feed("", _END_OF_STREAM if item is None else item)


def _generation(call: WireCall, receive: Callable[[Item], None]) -> Generation:
    try:
        body = json.dumps({**call.body, "return_progress": True}, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise RequestError(
            Sentence(gettext_noop("The request cannot be written as JSON: %(error)s."), error=str(error))
        ) from error
    # No token of a text is shorter than a byte, and JSON is longer than any chat template.
    prompt_tokens = len(body.encode(errors="replace"))
    return Generation(call.route, body, prompt_tokens + call.body.get("max_tokens", _UNLIMITED), receive)


async def _embeddings_by(embedder: Embedder, body: str, deadline: Deadline) -> str:
    answer = embedder.submit(body)
    try:
        async with deadline.limit(Sentence(gettext_noop("Waiting for the embeddings"))):
            return await _result_of(answer)
    finally:
        answer.cancel()  # of use if its turn has not come


async def _result_of(future: Future[T]) -> T:
    """Waits without cancelling it when the waiter is cancelled: others wait for it as well."""
    loop, done = asyncio.get_running_loop(), asyncio.Event()

    def wake(_: Future[T]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(done.set)

    future.add_done_callback(wake)
    await done.wait()
    return future.result()
