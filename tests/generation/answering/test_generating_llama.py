"""A real llama.cpp server that is held to a schema: even a toy model's answer fits then."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import aclosing

import pytest
from structlog.testing import capture_logs

from generation.answering import completions
from generation.answering.generating import Generated, Generating
from generators.asking import Given
from generators.definition import Definition
from llmbackends.spec import BackendSpec
from llmbackends.types import Sampling
from llmconfigs.selection import ActiveSpec
from scripts.make_toy_gguf import write_toy_gguf
from tests.asyncio_support import run_async
from tests.generators.rows import ANY_OBJECT, definition
from tests.llama_server import LlamaServer, running_llama_server

ALWAYS_THE_SAME = 0.0
"""Else llama.cpp throws an answer of the toy's away now and then."""
FORM = {
    "type": "object",
    "properties": {
        "title": {"type": "string", "maxLength": 20},
        "fields": {
            "type": "array",
            "minItems": 1,
            "maxItems": 2,
            "items": {
                "type": "object",
                "properties": {
                    "name": {"type": "string", "pattern": "^[a-z]{1,8}$"},
                    "type": {"enum": ["text", "number", "date"]},
                    "required": {"type": "boolean"},
                },
                "required": ["name", "type"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["title", "fields"],
    "additionalProperties": False,
}


pytestmark = pytest.mark.xdist_group("generating-llama")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlamaServer]:
    path = write_toy_gguf(tmp_path_factory.mktemp("models") / "toy.gguf", mode="bigram", context_size=4096)
    with running_llama_server(path) as running:
        yield running


def generated(server: LlamaServer, wanted: Definition, provider: str = "llama-cpp") -> Generated:
    spec = BackendSpec(
        provider=provider,
        model=server.model,
        endpoint_url=server.url,
        max_retries=0,
        timeout_s=30.0,
        sampling=Sampling(max_tokens=600),
    )

    async def generate() -> Generated:
        generating = Generating(wanted, Given(input={"prompt": "A form for the table orders."}))
        active = ActiveSpec(spec, None, "", 0, "environment")
        async with (
            completions.begin_with(active) as completion,
            aclosing(generating.pieces(completion)) as all_,
        ):
            async for _piece in all_:
                pass
        return generating.generated()

    return run_async(generate())


@pytest.mark.parametrize("provider", ["llama-cpp", "vllm"])
def test_answer_fits_the_schema(server: LlamaServer, provider: str) -> None:
    answer = generated(
        server, definition(temperature=ALWAYS_THE_SAME, output_kind="json", output_schema=FORM), provider
    )

    assert answer.misfit is None
    assert answer.data["fields"][0]["type"] in ("text", "number", "date")
    assert answer.usage is not None


def test_answer_is_an_object_where_any_object_is_wanted(server: LlamaServer) -> None:
    answer = generated(
        server, definition(temperature=ALWAYS_THE_SAME, output_kind="json", output_schema=ANY_OBJECT)
    )

    assert answer.misfit is None or "cut off" in answer.misfit.fault


def test_service_that_refuses_the_schema_is_held_to_json_and_told_the_schema_in_words(
    server: LlamaServer,
) -> None:
    """A grammar of its size llama.cpp cannot make; and the toy understands no words."""
    schema = {"type": "object", "properties": {"a": {"type": "string", "minLength": 5000}}, "required": ["a"]}

    with capture_logs() as logs:
        answer = generated(
            server, definition(temperature=ALWAYS_THE_SAME, output_kind="json", output_schema=schema)
        )

    assert [entry["event"] for entry in logs] == ["output_format_refused", "output_misfit"]
    assert answer.misfit is not None
    assert answer.misfit.fault == "`a` is missing."


def test_what_the_service_does_not_hold_itself_to_is_checked(server: LlamaServer) -> None:
    """llama.cpp reads over a pattern that is not anchored."""
    schema = {"type": "object", "properties": {"a": {"type": "string", "pattern": "§"}}, "required": ["a"]}

    answer = generated(
        server, definition(temperature=ALWAYS_THE_SAME, output_kind="json", output_schema=schema)
    )

    assert answer.misfit is not None
    assert answer.misfit.fault.startswith("`a` is ")
