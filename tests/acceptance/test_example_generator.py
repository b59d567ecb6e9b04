"""The example of docs/generators.md: taken in, published and asked by a client, with a real model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from jsonschema import Draft202012Validator

from apikeys import issuing
from scripts.make_toy_gguf import write_toy_gguf
from tests.llama_server import running_llama_server
from tests.processes import ROOT, ServerProcess, manage, running_server

pytestmark = [pytest.mark.processes, pytest.mark.postgresql, pytest.mark.xdist_group("acceptance")]

EXAMPLES = ROOT / "docs" / "examples"


@pytest.fixture(params=["dummy", "llama-cpp"])
def environment(
    request: pytest.FixtureRequest, process_environment: dict[str, str], tmp_path: Path
) -> Iterator[dict[str, str]]:
    """With each of two providers: one that is held to a schema, and plays that; and a real llama.cpp."""
    environment = process_environment | {"LLM_PROVIDER": request.param}
    with running_llama_server(write_toy_gguf(tmp_path / "toy.gguf")) as llama:
        yield environment | {"LLM_ENDPOINT": llama.url, "LLM_MODEL": llama.model}


@pytest.fixture
def server(environment: dict[str, str]) -> Iterator[ServerProcess]:
    """Which runs already when the generator is published."""
    with running_server(environment) as server:
        manage("generators", "import", str(EXAMPLES / "form-v1.json"), environment=environment)
        manage("generators", "publish", "form-v1", environment=environment)
        yield server


def test_form_is_made_of_a_table(server: ServerProcess) -> None:
    key = issuing.issue(name="Forms", scopes=["generate"]).secret.reveal()
    headers = {"Authorization": f"Bearer {key}", "Prefer": "wait=60"}

    answer = httpx.post(
        f"{server.base_url}/api/v1/generations",
        content=(EXAMPLES / "customer.json").read_bytes(),
        headers=headers | {"Content-Type": "application/json"},
        timeout=70,
    )

    job = answer.json()
    schema = json.loads((EXAMPLES / "form-v1.json").read_text(encoding="utf-8"))["output_schema"]
    assert (answer.status_code, job["status"]) == (200, "completed"), answer.text
    assert job["meta"]["generator"] == "form-v1"
    Draft202012Validator(schema).validate(job["result"]["data"])
    assert list(job["result"]["data"]) == ["title", "fields"]
