"""Whether what a client got tells what is behind the API."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest
from django.conf import LazySettings

from llmbackends.secret import Secret
from llmconfigs.models import LLMConfig
from tests.api.callers import Caller
from tests.api.frontdoor.chat import HELLO, URL
from tests.api.marked_upstream import MARK, MODEL, Upstream, running

PROVIDER_WORDS = re.compile(
    r"ollama|llama|vllm|groq|openai|anthropic|openrouter|gguf|claude|gpt|dummy|celery|redis|temperature|max_tokens"
)
# What a request of /v1 may hold is the client's own affair; what the administrator has set is nowhere.
OF_REQUESTS = re.compile(r'"(?:temperature|max_tokens)": ?[{1]|"required": \[[^]]*"max_tokens"[^]]*]')


def provider_words(text: str) -> list[str]:
    return PROVIDER_WORDS.findall(OF_REQUESTS.sub("", text.lower()))


class Recording(httpx.HTTPTransport):
    """Keeps every byte that comes back: status line, headers and body.

    What is random there is hexadecimal and spells none of the words, but for a cursor: list less than a page.
    """

    def __init__(self) -> None:
        super().__init__()
        self.bytes = bytearray()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = super().handle_request(request)
        body = response.read()
        head = b"\n".join(name + b": " + value for name, value in response.headers.raw)
        reason = response.extensions.get("reason_phrase", b"")
        self.bytes += b"\n%d %s\n%s\n\n%s" % (response.status_code, reason, head, body)
        return response

    def findings(self) -> list[str]:
        # The header that the loop guard reads has our own name in it, and the pages' paths a word of ours.
        text = self.bytes.decode("utf-8", "replace").lower()
        assert not re.search(r'"next_cursor": ?"', text)
        return sorted({*re.findall(MARK, text), *provider_words(text)})


@contextmanager
def recording(client: httpx.Client) -> Iterator[Recording]:
    """What `client` gets from here on."""
    with Recording() as recorded:
        client._transport = recorded
        client._mounts = {}
        yield recorded


@contextmanager
def marked(
    upstream: Upstream, activate: Callable[..., LLMConfig], call_as: Callable[..., Caller]
) -> Iterator[Upstream]:
    """`upstream` answers, behind a configuration that is full of marks as well."""
    with running(upstream) as url:
        activate(
            upstream.provider,
            name=f"{MARK}-config",
            model_name=MODEL,
            max_retries=0,
            endpoint_url=f"{url}/{MARK}-endpoint",
            api_key=Secret(upstream.key),
            options=upstream.options,
        )
        yield upstream
        # It waits for its connections to close, which are those of a model that is no longer the active one.
        LLMConfig.objects.all().delete()
        other = call_as("generate").post(URL, json=HELLO)
        assert other.status_code == 200


def fail_jobs_at_once(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """One whose backend is not ready: the next attempt would come after its deadline. Small bodies, too."""
    monkeypatch.setattr("generation.running.execution._FIRST_DELAY_S", 3600.0)
    monkeypatch.setattr("generation.running.execution._LONGEST_DELAY_S", 3600.0)
    settings.LLM_HEALTH_CHECK_TTL_S = 0
    settings.API_MAX_BODY_BYTES = settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100_000
