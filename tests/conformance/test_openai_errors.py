"""What goes wrong reaches OpenAI's client as the exception class it has for that."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.conformance.conftest import openai_client
from tests.conformance.installation import ALIAS, Served, serving
from tests.processes import manage

pytestmark = pytest.mark.processes

MESSAGES: Any = [{"role": "user", "content": "Hello"}]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": "Hello"}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "poet", "content": "x"}]}, "messages[0].role"),
        ({"temperature": "hot"}, "temperature"),
        ({"n": 0}, "n"),
        ({"tool_choice": "required"}, "tool_choice"),
    ],
)
def test_wrong_request(client: openai.OpenAI, fields: Any, param: str) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(**{"model": ALIAS, "messages": MESSAGES, **fields})

    assert refused.value.code == "invalid_request"
    assert refused.value.type == "invalid_request_error"
    assert (refused.value.param or "").startswith(param.partition("[")[0])
    assert refused.value.request_id


@pytest.mark.parametrize(
    "ask",
    [
        lambda client: client.chat.completions.create(model="gpt-9", messages=MESSAGES),
        lambda client: client.chat.completions.create(model="gpt-9", messages=MESSAGES, stream=True),
        lambda client: client.responses.create(model="gpt-9", input="Hello"),
        lambda client: client.completions.create(model="gpt-9", prompt="Hello"),
        lambda client: client.embeddings.create(model="gpt-9", input="Hello"),
        lambda client: client.models.retrieve("gpt-9"),
    ],
)
def test_unknown_model(client: openai.OpenAI, ask: Callable[[openai.OpenAI], object]) -> None:
    with pytest.raises(openai.NotFoundError) as refused:
        ask(client)

    assert refused.value.code == "model_not_found"


def test_unknown_route(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError):
        client.images.generate(model=ALIAS, prompt="Hello")


def test_wrong_key(client: openai.OpenAI) -> None:
    with pytest.raises(openai.AuthenticationError) as refused:
        client.with_options(api_key="co_0000000000_wrong").models.list()

    assert refused.value.code == "invalid_api_key"


def test_key_without_the_scope(dummy: Served, client: openai.OpenAI) -> None:
    key = manage("apikey", "create", "Reader", "--scope", "read", environment=dummy.environment).strip()

    with pytest.raises(openai.PermissionDeniedError) as refused:
        client.with_options(api_key=key).chat.completions.create(model=ALIAS, messages=MESSAGES)

    assert refused.value.code == "permission_denied"


def test_limit_of_the_key(dummy: Served, client: openai.OpenAI) -> None:
    key = manage(
        "apikey", "create", "Eager", "--requests-per-minute", "1", environment=dummy.environment
    ).strip()
    eager = client.with_options(api_key=key)

    first = eager.chat.completions.with_raw_response.create(model=ALIAS, messages=MESSAGES)
    with pytest.raises(openai.RateLimitError) as refused:
        eager.chat.completions.create(model=ALIAS, messages=MESSAGES)

    assert first.headers["x-ratelimit-limit-requests"] == "1"
    assert first.headers["x-ratelimit-remaining-requests"] == "0"
    assert refused.value.code == "rate_limit_exceeded"
    assert 1 <= int(refused.value.response.headers["retry-after"]) <= 120


@pytest.mark.parametrize(
    ("failure", "error", "code"),
    [
        ("unavailable", openai.InternalServerError, "backend_unavailable"),
        ("bad_answer", openai.InternalServerError, "backend_error"),
        ("timeout", openai.InternalServerError, "backend_timeout"),
    ],
)
def test_failing_model(tmp_path: Path, failure: str, error: type[openai.APIError], code: str) -> None:
    options = json.dumps({"fail": failure})
    with (
        serving(tmp_path, LLM_PROVIDER="dummy", LLM_OPTIONS=options, LLM_MAX_RETRIES="0") as served,
        openai_client(served) as client,
    ):
        with pytest.raises(error) as plain:
            client.chat.completions.create(model=ALIAS, messages=MESSAGES)
        with pytest.raises(error) as streamed:
            client.chat.completions.create(model=ALIAS, messages=MESSAGES, stream=True)
        with pytest.raises(error) as responded:
            client.responses.create(model=ALIAS, input="Hello", stream=True)

    assert plain.value.code == streamed.value.code == responded.value.code == code


def test_stream_that_breaks_off_is_an_error_for_the_reader(tmp_path: Path) -> None:
    options = json.dumps({"fail": "cut"})
    seen: list[object] = []
    with (
        serving(tmp_path, LLM_PROVIDER="dummy", LLM_OPTIONS=options) as served,
        openai_client(served) as client,
    ):
        with pytest.raises(openai.APIError) as broken:
            seen.extend(client.chat.completions.create(model=ALIAS, messages=MESSAGES, stream=True))
        events = list(client.responses.create(model=ALIAS, input="Hello", stream=True))

    assert seen
    assert broken.value.code == "backend_error"
    assert events[-1].type in ("response.failed", "error")
