"""Two web processes and a worker under load, while models are exchanged and keys revoked.

What `activate()` or `revoke()` has returned from binds every request that is sent after it. STALENESS_S makes
the run longer (docs/performance.md has the numbers of a long one).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from apikeys import issuing
from apikeys.models import client_scopes
from audit.context import SYSTEM
from llmconfigs import activation
from llmconfigs.models import LLMConfig
from tests.api.frontdoor import upstream
from tests.generation.workers import running_worker
from tests.llmbackends import faults
from tests.processes import running_server

pytestmark = [pytest.mark.processes, pytest.mark.postgresql, pytest.mark.xdist_group("acceptance")]

DURATION_S = float(os.environ.get("STALENESS_S", "6"))
ENOUGH = 20
"""Answers to requests for which one model alone was allowed."""
WORDS = 12
PAUSE_S = 0.05
CALLERS = 6
STREAMERS = 4


@dataclass(frozen=True)
class Change:
    """Something that was done between two moments, and what holds from then on."""

    began_at: float
    returned_at: float
    holds: str


@dataclass(frozen=True)
class Answer:
    asked_at: float
    answered_at: float
    said: str


def allowed(answer: Answer, changes: list[Change]) -> set[str]:
    """What held at some moment of the request: the last change that had returned, and all later ones."""
    done = [change for change in changes if change.returned_at <= answer.asked_at]
    later = [
        change
        for change in changes
        if change.returned_at > answer.asked_at and change.began_at <= answer.answered_at
    ]
    return {change.holds for change in (*done[-1:], *later)}


def certain_of(load: Load, changes: list[Change]) -> int:
    return sum(len(allowed(answer, changes)) == 1 for answer in load.answers())


@dataclass
class Load:
    """Clients that ask and ask, in a thread of their own; what they got is read after `stopped`."""

    urls: list[str]
    secret: str
    plain: list[Answer] = field(default_factory=list)
    streamed: list[Answer] = field(default_factory=list)
    jobs: list[Answer] = field(default_factory=list)
    _is_over: threading.Event = field(default_factory=threading.Event)

    def answers(self) -> list[Answer]:
        return [*self.plain, *self.streamed, *self.jobs]

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        thread.start()
        try:
            yield
        finally:
            self._is_over.set()
            thread.join(30)
            assert not thread.is_alive()

    async def _run(self) -> None:
        headers = {"Authorization": f"Bearer {self.secret}"}
        async with contextlib.AsyncExitStack() as stack, asyncio.TaskGroup() as group:
            for url in self.urls:
                client = await stack.enter_async_context(
                    httpx.AsyncClient(base_url=url, headers=headers, timeout=30)
                )
                for _ in range(CALLERS):
                    group.create_task(self._repeat(ask, client, self.plain))
                for _ in range(STREAMERS):
                    group.create_task(self._repeat(stream, client, self.streamed))
                group.create_task(self._repeat(submit, client, self.jobs))

    async def _repeat(
        self, call: Callable[..., Any], client: httpx.AsyncClient, answers: list[Answer]
    ) -> None:
        while not self._is_over.is_set():
            asked_at = time.monotonic()
            said = await call(client)
            answers.append(Answer(asked_at, time.monotonic(), said))


BODY = {"model": "default", "messages": [{"role": "user", "content": "Who are you?"}]}


async def ask(client: httpx.AsyncClient) -> str:
    response = await client.post("/v1/chat/completions", json=BODY)
    assert response.status_code == 200, response.text
    return words(response.json()["choices"][0]["message"]["content"])


async def stream(client: httpx.AsyncClient) -> str:
    """Fails unless the stream is complete."""
    async with client.stream("POST", "/v1/chat/completions", json={**BODY, "stream": True}) as response:
        lines = [line.removeprefix("data: ") async for line in response.aiter_lines() if line]
    assert lines[-1] == "[DONE]", lines
    deltas = [json.loads(line)["choices"][0]["delta"] for line in lines[:-1]]
    return words("".join(delta.get("content", "") for delta in deltas))


async def submit(client: httpx.AsyncClient) -> str:
    response = await client.post(
        "/api/v1/generations", json={"prompt": "Who are you?"}, headers={"Prefer": "wait=30"}
    )
    assert response.status_code == 200, response.text
    return words(response.json()["result"]["text"])


def words(text: str) -> str:
    """The one word that the whole text repeats: no answer is of two models."""
    repeated = text.split()
    assert len(repeated) == WORDS, text
    assert len(set(repeated)) == 1, text
    return repeated[0]


@pytest.fixture
def configs(transactional_db: None) -> Iterator[dict[str, LLMConfig]]:
    """One model in the server's process, and one behind HTTP."""
    far = [upstream.delta("far ")] * WORDS
    end = 'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}\n\n'
    plain = {"choices": [{"index": 0, "message": {"content": "far " * WORDS}, "finish_reason": "stop"}]}

    async def play(exchange: Any) -> None:
        is_streamed = exchange.request.body and exchange.request.json().get("stream")
        events = faults.events(*far, end, "data: [DONE]\n\n", pause_s=PAUSE_S)
        await (events if is_streamed else faults.answer(200, plain))(exchange)

    near = {"text": "near " * WORDS, "tokens_per_s": 1 / PAUSE_S * 4}
    with upstream.running(play) as service:
        yield {
            "near": LLMConfig.objects.create(name="near", provider="dummy", options=near),
            "far": LLMConfig.objects.create(name="far", provider="vllm", endpoint_url=service.url),
        }


@pytest.fixture
def urls(process_environment: dict[str, str], valkey_url: str, tmp_path: Path) -> Iterator[list[str]]:
    environment = process_environment | {"REDIS_URL": valkey_url}
    with (
        running_server(environment) as first,
        running_server(environment) as second,
        running_worker(environment, tmp_path / "worker.log", "--concurrency", "8"),
    ):
        yield [first.base_url, second.base_url]


def activated(config: LLMConfig) -> Change:
    began_at = time.monotonic()
    activation.activate(config, by=SYSTEM.actor)
    return Change(began_at, time.monotonic(), config.name)


def test_no_request_is_answered_by_a_model_that_was_exchanged_before_it_was_sent(
    urls: list[str], configs: dict[str, LLMConfig]
) -> None:
    secret = issuing.issue(name="Load", scopes=client_scopes()).secret.reveal()
    load = Load(urls, secret)
    changes = [activated(configs["near"])]
    ends_at = time.monotonic() + DURATION_S

    with load.running():
        # A busy machine gets longer, until enough has been seen.
        while time.monotonic() < ends_at or (
            certain_of(load, changes) <= ENOUGH and time.monotonic() < ends_at + 4 * DURATION_S
        ):
            time.sleep(0.1)
            changes.append(activated(configs["far" if len(changes) % 2 else "near"]))

    answers = load.answers()
    stale = [answer for answer in answers if answer.said not in allowed(answer, changes)]
    certain = certain_of(load, changes)
    print(  # noqa: T201  (shown by pytest -s)
        f"{len(changes)} activations, {len(load.plain)} plain answers, {len(load.streamed)} streams, "
        f"{len(load.jobs)} jobs; {certain} with one model allowed; {len(stale)} stale"
    )
    assert not stale
    assert certain > ENOUGH
    assert min(len(load.plain), len(load.streamed), len(load.jobs)) > 10
    assert {answer.said for answer in load.streamed} == {"near", "far"}


def test_no_request_is_accepted_with_a_key_that_was_revoked_before_it_was_sent(
    urls: list[str], configs: dict[str, LLMConfig]
) -> None:
    activation.activate(configs["near"], by=SYSTEM.actor)
    load = Load(urls, issuing.issue(name="Load", scopes=client_scopes()).secret.reveal())
    ends_at = time.monotonic() + DURATION_S / 2
    early: list[Answer] = []
    late: list[Answer] = []
    revocations = 0

    with load.running():
        while time.monotonic() < ends_at:
            issued = issuing.issue(name="Short-lived", scopes=client_scopes())
            asking = KeyUser(urls, issued.secret.reveal())
            with asking.running():
                asking.wait_for_answers(8, status="200")
                issuing.revoke(issued.key)
                returned_at = time.monotonic()
                asking.wait_for_answers(8, status="401")
            revocations += 1
            for answer in asking.answers:
                (late if answer.asked_at >= returned_at else early).append(answer)

    print(  # noqa: T201  (shown by pytest -s)
        f"{revocations} revocations beside {len(load.plain)} plain answers and {len(load.streamed)} streams: "
        f"{len(early)} requests before, {len(late)} after, all of these refused"
    )
    assert {answer.said for answer in late} == {"401"}
    assert revocations >= 3
    assert len(late) >= 3 * len(urls) * 2
    assert min(len(load.plain), len(load.streamed)) > 3


@dataclass
class KeyUser:
    """Asks with one key, over all processes, for the models and for an answer, until told to stop."""

    urls: list[str]
    secret: str
    answers: list[Answer] = field(default_factory=list)
    _is_over: threading.Event = field(default_factory=threading.Event)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        threads = [
            threading.Thread(target=self._repeat, args=(ask, url))
            for url in self.urls
            for ask in (list_models, chat)
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._is_over.set()
            for thread in threads:
                thread.join(30)

    def wait_for_answers(self, count: int, *, status: str) -> None:
        deadline = time.monotonic() + 20
        while sum(answer.said == status for answer in self.answers) < count:
            assert time.monotonic() < deadline
            time.sleep(0.005)

    def _repeat(self, ask: Callable[[httpx.Client], httpx.Response], url: str) -> None:
        headers = {"Authorization": f"Bearer {self.secret}"}
        with httpx.Client(base_url=url, headers=headers, timeout=30) as client:
            while not self._is_over.is_set():
                asked_at = time.monotonic()
                response = ask(client)
                self.answers.append(Answer(asked_at, time.monotonic(), str(response.status_code)))


def list_models(client: httpx.Client) -> httpx.Response:
    return client.get("/v1/models")


def chat(client: httpx.Client) -> httpx.Response:
    return client.post("/v1/chat/completions", json=BODY)
