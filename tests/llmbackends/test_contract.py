"""The promises that every provider keeps, listed at the end, each tried on each provider of the catalogue."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import replace
from typing import Any

import pytest

from llmbackends.base import ChatBackend, CheckReport
from llmbackends.catalog import PROVIDERS, KeyPolicy, object_schema
from llmbackends.errors import (
    BackendError,
    BackendTimeout,
    BackendUnavailable,
    ConfigurationError,
    UnsupportedFeature,
)
from llmbackends.types import (
    ChatRequest,
    EmbeddingRequest,
    Feature,
    FinishReason,
    Message,
    Sampling,
    Tool,
)
from tests.asyncio_support import run_async

from .backends import collect, collected
from .stands import STANDS, Stand

REQUEST = ChatRequest(
    messages=(Message("system", "Be brief."), Message("user", "Say something.")),
    sampling=Sampling(max_tokens=48),
)
TEXTS = EmbeddingRequest(("Something to embed.", "And more."))
KEY = "sk-ant-that-nobody-may-see"


async def complete_gives_text_and_finish_reason(stand: Stand) -> None:
    async with stand.subject() as subject:
        result = await subject.backend.complete(REQUEST)
    assert result.text
    assert result.finish_reason in (FinishReason.STOP, FinishReason.LENGTH)


async def complete_counts_tokens(stand: Stand) -> None:
    async with stand.subject() as subject:
        usage = (await subject.backend.complete(REQUEST)).usage
    assert usage is not None
    assert usage.prompt_tokens > 0
    assert usage.completion_tokens > 0


async def only_the_last_chunk_has_a_finish_reason(stand: Stand) -> None:
    async with stand.subject() as subject:
        *former, last = await collect(subject.backend, REQUEST)
    assert former
    assert [chunk for chunk in former if chunk.finish_reason is not None] == []
    assert [chunk for chunk in former if chunk.usage is not None] == []
    assert last.finish_reason is not None


async def stream_collects_to_what_complete_gives(stand: Stand) -> None:
    async with stand.subject() as subject:
        whole = await subject.backend.complete(REQUEST)
        streamed = collected(await collect(subject.backend, REQUEST))
    assert streamed.text
    assert (type(streamed.usage), streamed.finish_reason) == (type(whole.usage), whole.finish_reason)


async def generate_gives_text(stand: Stand) -> None:
    async with stand.subject() as subject:
        assert await subject.backend.generate("Once upon a time")


async def embed_gives_a_vector_for_each_text(stand: Stand) -> None:
    async with stand.subject() as subject:
        with supposed_to(Feature.EMBEDDINGS in stand.provider.features):
            result = await subject.backend.embed(TEXTS)
            assert len(result.vectors) == len(TEXTS.texts)
            assert {len(vector) for vector in result.vectors} == {len(result.vectors[0])}
            assert all(math.isfinite(number) for vector in result.vectors for number in vector)
            assert result.prompt_tokens is not None
            assert result.prompt_tokens > 0


async def logprobs_tell_as_many_likely_tokens_as_asked_for(stand: Stand) -> None:
    async with stand.subject() as subject:
        with supposed_to(Feature.LOGPROBS in stand.provider.features):
            for top in (0, 2):
                request = replace(REQUEST, top_logprobs=top)
                whole = await subject.backend.complete(request)
                streamed = collected(await collect(subject.backend, request))
                for result in (whole, streamed):
                    assert result.logprobs
                    assert {len(each.top) for each in result.logprobs} == {top}


def supposed_to(is_able: bool) -> AbstractContextManager[Any]:
    return nullcontext() if is_able else pytest.raises(UnsupportedFeature)


async def check_of_a_service_that_is_well_succeeds(stand: Stand) -> None:
    async with stand.subject() as subject:
        report = await subject.backend.check()
    assert isinstance(report, CheckReport)
    assert report.detail
    assert report.took_s >= 0


async def list_models_is_sorted_or_unsupported(stand: Stand) -> None:
    async with stand.subject() as subject:
        with suppress(UnsupportedFeature):
            names = await subject.backend.list_models()
            assert names
            assert list(names) == sorted(names)


async def requests_run_at_the_same_time(stand: Stand) -> None:
    async with stand.subject() as subject:
        results = await asyncio.gather(*(subject.backend.complete(REQUEST) for _ in range(3)))
    assert all(result.text for result in results)


async def leaving_a_stream_early_leaves_the_backend_usable(stand: Stand) -> None:
    async with stand.subject() as subject:
        async with subject.backend.stream(REQUEST) as chunks:
            await anext(chunks)
        assert (await subject.backend.complete(REQUEST)).text


async def cancelling_in_mid_stream_leaves_the_backend_usable(stand: Stand) -> None:
    async with stand.subject() as subject:
        begun = asyncio.Event()
        reader = asyncio.ensure_future(read_on(subject.backend, begun))
        await begun.wait()
        await cancel(reader)
        assert (await subject.backend.complete(REQUEST)).text


async def read_on(backend: ChatBackend, begun: asyncio.Event) -> None:
    async with backend.stream(REQUEST) as chunks:
        async for _ in chunks:
            begun.set()
        await asyncio.Event().wait()


async def cancelling_complete_leaves_the_backend_usable(stand: Stand) -> None:
    async with stand.subject() as subject:
        asked = asyncio.ensure_future(subject.backend.complete(REQUEST))
        await asyncio.sleep(0)
        await cancel(asked)
        assert (await subject.backend.complete(REQUEST)).text


async def cancel(task: asyncio.Future[Any]) -> None:
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


async def what_the_provider_lacks_is_refused_unsent(stand: Stand) -> None:
    poor = replace(stand.provider, features=frozenset(), parameters=object_schema({}))
    async with stand.subject(provider=poor) as subject:
        for request, lacking in (
            (replace(REQUEST, sampling=Sampling(), tools=(Tool("add"),)), "tools"),
            (replace(REQUEST, sampling=Sampling(top_p=0.5)), "top_p"),
            (replace(REQUEST, sampling=Sampling(), top_logprobs=0), "logprobs"),
        ):
            with pytest.raises(UnsupportedFeature, match=lacking):
                await subject.backend.complete(request)
            with pytest.raises(UnsupportedFeature, match=lacking):
                await collect(subject.backend, request)
        with pytest.raises(UnsupportedFeature, match="embeddings"):
            await subject.backend.embed(TEXTS)
        assert subject.connections() == 0


async def late_answer_is_a_timeout(stand: Stand) -> None:
    async with stand.subject(stand.slow) as subject:
        with pytest.raises(BackendTimeout):
            await subject.backend.complete(REQUEST)
        with pytest.raises(BackendTimeout):
            await collect(subject.backend, REQUEST)
        with pytest.raises((BackendTimeout, UnsupportedFeature)):
            await subject.backend.embed(TEXTS)


async def nothing_but_backend_errors_escapes(stand: Stand) -> None:
    async with stand.subject(stand.broken) as subject:
        backend = subject.backend
        with pytest.raises(BackendError):
            await backend.complete(REQUEST)
        with pytest.raises(BackendError):
            await collect(backend, REQUEST)
        with pytest.raises(BackendError):
            await backend.generate("Once upon a time")
        with pytest.raises(BackendError):
            await backend.embed(TEXTS)
        with suppress(BackendError):
            await backend.check()
        with suppress(BackendError):
            await backend.list_models()


async def closing_twice_is_fine_and_ends_the_backend(stand: Stand) -> None:
    async with stand.subject() as subject:
        await subject.backend.complete(REQUEST)
        await subject.backend.aclose()
        await subject.backend.aclose()
        with pytest.raises(BackendUnavailable) as caught:
            await subject.backend.complete(REQUEST)
    assert not caught.value.retryable


async def backend_says_what_it_is(stand: Stand) -> None:
    async with stand.subject() as subject:
        backend = subject.backend
        assert isinstance(backend, ChatBackend)
        assert (backend.name, backend.model) == (stand.provider.id, subject.spec.model)
        assert backend.features == stand.provider.features
        assert backend.sampling_parameters == stand.provider.sampling_parameters


async def key_is_shown_nowhere(stand: Stand) -> None:
    keyed = replace(stand.provider, key=KeyPolicy.OPTIONAL)
    async with replace(stand, key=KEY).subject(provider=keyed) as subject:
        await subject.backend.complete(REQUEST)
        shown = (
            repr(subject.backend) + str(subject.backend) + repr(vars(subject.backend)) + repr(subject.spec)
        )
    assert KEY not in shown


async def missing_key_is_refused_when_built(stand: Stand) -> None:
    keyed = replace(stand.provider, key=KeyPolicy.REQUIRED)
    with pytest.raises(ConfigurationError, match="API key"):
        async with replace(stand, key="").subject(provider=keyed):
            pytest.fail("It was built.")


Promise = Callable[[Stand], Coroutine[Any, Any, None]]

PROMISES: list[tuple[str, Promise]] = [
    (promise.__name__, promise)
    for promise in (
        backend_says_what_it_is,
        complete_gives_text_and_finish_reason,
        complete_counts_tokens,
        only_the_last_chunk_has_a_finish_reason,
        stream_collects_to_what_complete_gives,
        generate_gives_text,
        embed_gives_a_vector_for_each_text,
        logprobs_tell_as_many_likely_tokens_as_asked_for,
        check_of_a_service_that_is_well_succeeds,
        list_models_is_sorted_or_unsupported,
        requests_run_at_the_same_time,
        leaving_a_stream_early_leaves_the_backend_usable,
        cancelling_in_mid_stream_leaves_the_backend_usable,
        cancelling_complete_leaves_the_backend_usable,
        what_the_provider_lacks_is_refused_unsent,
        late_answer_is_a_timeout,
        nothing_but_backend_errors_escapes,
        closing_twice_is_fine_and_ends_the_backend,
        key_is_shown_nowhere,
        missing_key_is_refused_when_built,
    )
]


@pytest.fixture(params=PROVIDERS, ids=lambda provider: provider.id)
def stand(request: pytest.FixtureRequest) -> Stand:
    return STANDS[request.param.driver](request.param, request)


@pytest.mark.parametrize("promise", [pytest.param(promise, id=name) for name, promise in PROMISES])
def test_every_provider_keeps_the_promise(promise: Promise, stand: Stand) -> None:
    run_async(promise(stand))
