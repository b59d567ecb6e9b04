"""Our own calls to a provider that fails as told, judged by the provider: llmock.

It watches every attempt and groups equal requests into calls. What it calls a finding: a Retry-After not
waited for, an error tried again that cannot pass, no second try where one helps, a constant pause, a cut
stream taken for a whole one. Of a cut stream it cannot see what our client was told, only whether the
request comes again: so the client here sends it again, as our error event asks it to.

Faults that repeat come with a Retry-After, as those of real providers do: two pauses of full jitter, which
grow on average only, it takes for a constant pause in about one run of four.
"""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from tests import servers
from tests.conformance.conftest import openai_client
from tests.conformance.installation import ALIAS, Served, serving, tool

pytestmark = pytest.mark.processes

Ask = Callable[[openai.OpenAI, str], str]


@dataclass(frozen=True)
class Mock:
    url: str

    def play(self, *behaviors: dict[str, Any]) -> None:
        """What the next requests get, one after the other; forgets what was asked before."""
        httpx.post(f"{self.url}/_llmock/reset").raise_for_status()
        self.play_on(*behaviors)

    def play_on(self, *behaviors: dict[str, Any]) -> None:
        if behaviors:
            httpx.post(f"{self.url}/_llmock/scenario", json={"behaviors": behaviors}).raise_for_status()

    def faults(self) -> int:
        return int(self._verdict()["faults_injected"])

    def assert_no_finding(self) -> None:
        """As `llmock report --strict`, in less time."""
        verdict = self._verdict()
        assert verdict["findings"] == []
        assert verdict["calls"] > 0

    def _verdict(self) -> dict[str, Any]:
        verdict: dict[str, Any] = httpx.get(f"{self.url}/_llmock/verdict", timeout=10).json()
        return verdict


@contextlib.contextmanager
def running_llmock() -> Iterator[Mock]:
    port = servers.free_port()
    mock = Mock(f"http://127.0.0.1:{port}")
    options = ["--log-level", "warning", "--stream-chunk-delay-ms", str(CHUNK_DELAY_MS)]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [tool("llmock"), "serve", "--host", "127.0.0.1", "--port", str(port), *options],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            wait_until_live(mock, process)
            yield mock
        finally:
            process.kill()
            process.wait()


def wait_until_live(mock: Mock, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        assert process.poll() is None
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{mock.url}/_llmock/requests").is_success:
                return
        time.sleep(0.1)
    raise AssertionError("llmock did not start")


@pytest.fixture(scope="module")
def mock() -> Iterator[Mock]:
    with running_llmock() as mock:
        yield mock


@pytest.fixture(scope="module")
def served(mock: Mock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(
        Path(tmp_path_factory.mktemp("llmock")),
        LLM_PROVIDER="vllm",
        LLM_ENDPOINT=mock.url,
        LLM_MODEL="mock-model",
        LLM_TIMEOUT_SECONDS="20",
    ) as served:
        yield served


@pytest.fixture(scope="module")
def client(served: Served) -> Iterator[openai.OpenAI]:
    """Sends nothing again by itself."""
    with openai_client(served) as client:
        yield client


def plain(client: openai.OpenAI, prompt: str) -> str:
    answer = client.chat.completions.create(model=ALIAS, messages=[{"role": "user", "content": prompt}])
    return answer.choices[0].message.content or ""


def streamed(client: openai.OpenAI, prompt: str) -> str:
    chunks = client.chat.completions.create(
        model=ALIAS, messages=[{"role": "user", "content": prompt}], stream=True
    )
    return "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)


def responded(client: openai.OpenAI, prompt: str) -> str:
    return client.responses.create(model=ALIAS, input=prompt).output_text


def response_streamed(client: openai.OpenAI, prompt: str) -> str:
    with client.responses.stream(model=ALIAS, input=prompt) as stream:
        return stream.get_final_response().output_text


# Takes two seconds: else all of it is on its way before anybody could stop reading.
LONG_REPLY = {"type": "reply", "text": "word " * 100}
CHUNK_DELAY_MS = 20

ALL: list[Ask] = [plain, streamed, responded, response_streamed]
STREAMED: list[Ask] = [streamed, response_streamed]


@pytest.mark.parametrize("ask", ALL)
def test_a_service_without_faults(ask: Ask, mock: Mock, client: openai.OpenAI) -> None:
    mock.play()

    assert ask(client, "Hello")
    mock.assert_no_finding()


@pytest.mark.parametrize("status", [429, 503, 529])
@pytest.mark.parametrize("ask", ALL)
def test_a_refusal_is_waited_out(ask: Ask, status: int, mock: Mock, client: openai.OpenAI) -> None:
    mock.play({"type": "fail", "status": status, "retry_after": 0.4, "times": 2})

    assert ask(client, "Hello")
    assert mock.faults() == 2
    mock.assert_no_finding()


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_single_fault_is_not_seen_by_the_client(status: int, mock: Mock, client: openai.OpenAI) -> None:
    mock.play({"type": "fail", "status": status})

    assert plain(client, "Hello")
    assert mock.faults() == 1
    mock.assert_no_finding()


@pytest.mark.parametrize("ask", ALL)
def test_an_outage_is_not_stormed(ask: Ask, mock: Mock, client: openai.OpenAI) -> None:
    mock.play({"type": "fail", "status": 503, "retry_after": 0.2, "times": None})

    with pytest.raises(openai.InternalServerError):
        ask(client, "Hello")
    mock.assert_no_finding()


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, openai.BadRequestError),
        (401, openai.InternalServerError),
        (403, openai.InternalServerError),
        (404, openai.InternalServerError),
        (422, openai.BadRequestError),
    ],
)
@pytest.mark.parametrize("ask", [plain, streamed])
def test_what_cannot_pass_is_asked_once(
    ask: Ask, status: int, error: type[openai.APIError], mock: Mock, client: openai.OpenAI
) -> None:
    mock.play({"type": "fail", "status": status})

    with pytest.raises(error):
        ask(client, "Hello")
    mock.assert_no_finding()


@pytest.mark.parametrize("kind", ["truncate", "disconnect", "malformed"])
@pytest.mark.parametrize("after_chunks", [1, 3])
@pytest.mark.parametrize("ask", STREAMED)
def test_a_stream_that_breaks_is_never_taken_for_a_whole_one(
    ask: Ask, after_chunks: int, kind: str, mock: Mock, client: openai.OpenAI
) -> None:
    mock.play({"type": "stream_fault", "kind": kind, "after_chunks": after_chunks}, LONG_REPLY)

    with pytest.raises((openai.APIError, RuntimeError)):
        ask(client, "Hello")
    assert mock.faults() == 1
    assert ask(client, "Hello")
    mock.assert_no_finding()


@pytest.mark.parametrize("ask", STREAMED)
def test_a_slow_first_token_is_waited_for(ask: Ask, mock: Mock, client: openai.OpenAI) -> None:
    mock.play({"type": "slow_first_token", "seconds": 1.0})

    assert ask(client, "Hello")
    mock.assert_no_finding()


def test_a_client_that_hangs_up_ends_the_stream_upstream(mock: Mock, client: openai.OpenAI) -> None:
    mock.play({"type": "stream_fault", "kind": "stall", "after_chunks": 2, "stall_seconds": 15})

    stream = client.chat.completions.create(
        model=ALIAS, messages=[{"role": "user", "content": "Hello"}], stream=True
    )
    next(iter(stream))
    started = time.monotonic()
    stream.close()
    ended = [request["completed"] for request in requests_seen(mock)]

    assert ended == [False]
    assert time.monotonic() - started < 5


def requests_seen(mock: Mock) -> list[dict[str, Any]]:
    """Those that are over; waits for one, a few seconds at most."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        seen: list[dict[str, Any]] = httpx.get(f"{mock.url}/_llmock/requests", timeout=10).json()["requests"]
        if seen:
            return seen
    return []


def test_report_of_all_faults_together(mock: Mock, client: openai.OpenAI) -> None:
    mock.play()
    for status in (429, 503, 529):
        mock.play_on({"type": "fail", "status": status, "retry_after": 0.2, "times": 2})
        assert plain(client, f"After {status}")
    for kind in ("truncate", "disconnect", "malformed"):
        mock.play_on({"type": "stream_fault", "kind": kind, "after_chunks": 3}, LONG_REPLY)
        with pytest.raises(openai.APIError):
            streamed(client, f"After {kind}")
        assert streamed(client, f"After {kind}")

    report = subprocess.run(
        [tool("llmock"), "report", "--strict", "--url", mock.url], text=True, capture_output=True
    )

    assert report.returncode == 0, report.stdout + report.stderr
    assert "6 call(s)" in report.stdout
    assert "PASS" in report.stdout
