"""A provider for Changeover that answers with the user's own words, in capitals."""

from contextlib import asynccontextmanager

from llmbackends.base import CheckReport
from llmbackends.catalog import Locality, Provider, parameters
from llmbackends.in_process import InProcessBackend
from llmbackends.types import ChatChunk, FinishReason

API_VERSION = 1

ECHO = Provider(
    id="echo",
    label="Echo",
    locality=Locality.LOCAL,
    endpoint_required=False,
    default_model="capitals",
    parameters=parameters("max_tokens"),
)


class EchoBackend(InProcessBackend):
    @asynccontextmanager
    async def stream(self, request):
        request = self.prepare(request)
        yield self.chunks(request.as_messages[-1].text.upper().split(), request.sampling.max_tokens)

    async def chunks(self, words, limit):
        for word in words[:limit]:
            yield ChatChunk(text=word + " ")
        is_cut = limit is not None and limit < len(words)
        yield ChatChunk(finish_reason=FinishReason.LENGTH if is_cut else FinishReason.STOP)

    async def check(self):
        return CheckReport("It can always shout.", took_s=0.0)

    async def list_models(self):
        return (self.model,)


def register(registry):
    registry.register_backend(ECHO, EchoBackend)
