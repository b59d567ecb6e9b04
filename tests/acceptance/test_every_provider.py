"""Each provider as an operator sets it up: by the environment, in a real server, asked over REST."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from scripts.make_toy_gguf import write_toy_gguf
from tests import servers
from tests.llama_server import running_llama_server
from tests.llmbackends.fault_server import Fault, FaultServer
from tests.llmbackends.provider_servers import COMPLETION_TOKENS, MODEL, PROMPT_TOKENS, SERVICES, TEXT
from tests.processes import manage, running_server

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("acceptance")]


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A migrated database and its environment, with no provider set."""
    folder = tmp_path_factory.mktemp("installation")
    environment = os.environ | servers.isolated_environment(f"sqlite:///{folder}/changeover.sqlite3")
    environment |= {"CHANGEOVER_DATA_DIR": str(folder), "CHANGEOVER_ENV": "development"}
    manage("migrate", environment=environment)
    return environment


@pytest.fixture(scope="module")
def api_key(installation: dict[str, str]) -> str:
    return manage("apikey", "create", "Client", environment=installation).strip()


@contextlib.contextmanager
def serving(play: Fault) -> Iterator[str]:
    """A fault server on a loop of its own; yields its URL."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def start() -> FaultServer:
        return await FaultServer(play).__aenter__()

    async def stop(server: FaultServer) -> None:
        await server.__aexit__(None, None, None)

    server = asyncio.run_coroutine_threadsafe(start(), loop).result()
    try:
        yield server.url
    finally:
        asyncio.run_coroutine_threadsafe(stop(server), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def finished_job(environment: dict[str, str], api_key: str, **body: Any) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {api_key}", "Prefer": "wait=30"}
    with running_server(environment) as server:
        url = f"{server.base_url}/api/v1/generations"
        answer = httpx.post(url, json=body, headers=headers, timeout=40)
    assert answer.status_code == 200, answer.text
    job: dict[str, Any] = answer.json()
    return job


@pytest.mark.parametrize("provider", sorted(SERVICES))
def test_job_completes_with_the_text_and_usage_of_the_provider(
    provider: str, installation: dict[str, str], api_key: str
) -> None:
    service = SERVICES[provider]
    with serving(service.play) as url:
        environment = installation | {
            "LLM_PROVIDER": provider,
            "LLM_ENDPOINT": url,
            "LLM_MODEL": MODEL,
            "LLM_API_KEY": service.key,
            "LLM_OPTIONS": json.dumps(dict(service.options)),
        }

        job = finished_job(environment, api_key, messages=[{"role": "user", "content": "Hello"}])

    assert job["status"] == "completed", job
    assert job["result"]["text"] == TEXT
    assert job["usage"] == {
        "prompt_tokens": PROMPT_TOKENS,
        "completion_tokens": COMPLETION_TOKENS,
        "total_tokens": PROMPT_TOKENS + COMPLETION_TOKENS,
    }


def test_job_completes_on_a_real_llama_cpp_server(
    installation: dict[str, str], api_key: str, tmp_path: Path
) -> None:
    with running_llama_server(write_toy_gguf(tmp_path / "toy.gguf")) as llama:
        environment = installation | {
            "LLM_PROVIDER": "llama-cpp",
            "LLM_ENDPOINT": llama.url,
            "LLM_MODEL": llama.model,
        }

        job = finished_job(environment, api_key, prompt="Say a few words.")

    assert job["status"] == "completed", job
    assert len(job["result"]["text"].split()) >= 2
    assert job["usage"]["completion_tokens"] >= 2
