"""Which providers there are, and which specs can be built."""

from __future__ import annotations

from dataclasses import replace
from threading import Thread
from typing import Any

import pytest

from llmbackends import registry
from llmbackends.base import ChatBackend
from llmbackends.catalog import GROQ, OLLAMA, PROVIDERS, Provider
from llmbackends.driver import WireBackend
from llmbackends.errors import ConfigurationError, UnknownProvider
from llmbackends.registry import Registry
from llmbackends.secret import Secret
from llmbackends.spec import BackendSpec
from llmbackends.types import Sampling
from llmbackends.validation import schema_problems

from .backends import spec_for
from .provider_servers import GENERIC_OPTIONS, SERVICES

URL = "http://127.0.0.1:9"
MINE = replace(OLLAMA, id="mine", aliases=("my-own",))


def spec(provider_id: str = "llama-cpp", **changes: Any) -> BackendSpec:
    return spec_for(provider_id, changes.pop("endpoint_url", URL), **changes)


def problem_of(broken: BackendSpec) -> str:
    with pytest.raises(ConfigurationError) as caught:
        registry.build(broken)
    return caught.value.message


# Providers


def test_providers_are_the_catalogue() -> None:
    assert Registry().providers()[: len(PROVIDERS)] == PROVIDERS


@pytest.mark.parametrize("name", ["local-llm", "local-llama-cpp"])
def test_provider_is_found_by_id_and_alias(name: str) -> None:
    assert registry.get_provider(name).id == "local-llm"


def test_unknown_provider_is_told_with_those_there_are() -> None:
    with pytest.raises(UnknownProvider, match=r"'olama'.*anthropic.*ollama"):
        registry.get_provider("olama")


def test_registered_provider_is_found_and_built_by_its_factory() -> None:
    class MyBackend(WireBackend):
        pass

    own = Registry()
    own.register_backend(MINE, MyBackend)

    built = own.build(replace(spec("ollama"), provider="my-own"))

    assert own.get_provider("my-own") is MINE
    assert type(built) is MyBackend
    assert isinstance(built, ChatBackend)


@pytest.mark.parametrize(
    "provider",
    [
        replace(MINE, id="ollama"),
        replace(MINE, id="local-llama-cpp"),
        replace(MINE, aliases=("groq",)),
    ],
    ids=["id", "alias-as-id", "id-as-alias"],
)
def test_taken_name_is_refused(provider: Provider) -> None:
    own = Registry()

    with pytest.raises(ConfigurationError, match="already taken"):
        own.register_backend(provider)

    assert own.get_provider("ollama") is OLLAMA
    assert own.get_provider("groq") is GROQ


@pytest.mark.parametrize(
    ("provider", "message"),
    [
        (replace(MINE, driver="carrier-pigeon"), "no driver 'carrier-pigeon'"),
        (replace(MINE, wire=None), "names no wire format"),
        (replace(MINE, options={"type": "no-such-type"}), "not a JSON Schema"),
    ],
)
def test_provider_that_could_never_be_built_is_refused(provider: Provider, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Registry().register_backend(provider)


def test_registering_from_many_threads_lets_one_win() -> None:
    own = Registry()
    refused: list[ConfigurationError] = []

    def register() -> None:
        try:
            own.register_backend(MINE)
        except ConfigurationError as error:
            refused.append(error)

    threads = [Thread(target=register) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(refused) == 7


# Building


@pytest.mark.parametrize("provider_id", SERVICES)
def test_build_makes_a_backend_of_a_valid_spec(provider_id: str) -> None:
    backend = registry.build(spec(provider_id))

    assert (backend.name, backend.model) == (provider_id, "model-a")


@pytest.mark.parametrize("provider_id", ["groq", "openai", "anthropic", "openrouter"])
def test_build_asks_for_the_key_where_one_is_required(provider_id: str) -> None:
    assert "An API key is required." in problem_of(spec(provider_id, api_key=Secret("")))


@pytest.mark.parametrize(
    ("provider_id", "key", "problem"),
    [
        ("anthropic", "sk-0123456789", "start with “sk-ant-”"),
        ("openai", "sk-secret\n", "holds a character"),
        ("openai", "sk sécret", "holds a character"),
        ("ollama", "sk-secret", "takes no API key"),
    ],
)
def test_build_refuses_a_wrong_key_without_showing_it(provider_id: str, key: str, problem: str) -> None:
    message = problem_of(spec(provider_id, api_key=Secret(key)))

    assert problem in message
    assert key not in message


@pytest.mark.parametrize(
    "endpoint_url",
    [
        "",
        "localhost:8080",
        "ftp://host/",
        "http://",
        "http://host:port",
        "http://host:99999",
        "http://user:pw@host",
        "http://host/?key=1",
        "file:///etc/passwd",
    ],
)
def test_build_refuses_an_endpoint_that_is_none(endpoint_url: str) -> None:
    assert "endpoint" in problem_of(spec(endpoint_url=endpoint_url))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"sampling": Sampling(temperature=3)}, "The value of temperature must be at most 2."),
        ({"sampling": Sampling(max_tokens=0)}, "The value of max_tokens must be at least 1."),
        ({"sampling": Sampling(stop=("",))}, "The length of stop.0 must be at least 1."),
        ({"options": {"context_size": 4096}}, "Not known: context_size. There is nothing to set here."),
        ({"model": ""}, "A model name is required."),
        ({"timeout_s": 0}, "The value of timeout_s must be greater than 0."),
        ({"timeout_s": float("nan")}, "The value of timeout_s must be greater than 0."),
        ({"max_retries": -1}, "The value of max_retries must be at least 0."),
        ({"max_connections": 0}, "The value of max_connections must be greater than 0"),
    ],
)
def test_build_names_what_is_wrong(change: dict[str, Any], problem: str) -> None:
    assert problem in problem_of(spec(**change))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"body": None}, "The value of body must be a JSON object."),
        ({"headers": {"X-Token": 5}}, "The value of headers.X-Token must be a text."),
        ({"stream_framing": "smoke signals"}, "The value of stream_framing must be one of: sse, ndjson."),
        ({"body": {"nothing": "asked"}}, "nothing would be asked"),
    ],
)
def test_build_names_the_option_that_is_wrong(change: dict[str, Any], problem: str) -> None:
    assert problem in problem_of(spec("http-generic", options={**GENERIC_OPTIONS, **change}))


def test_build_does_not_show_the_text_of_an_option() -> None:
    options = {**GENERIC_OPTIONS, "headers": "Authorization: Bearer sk-secret"}

    message = problem_of(spec("http-generic", options=options))

    assert "The value of headers must be a JSON object." in message
    assert "sk-secret" not in message


@pytest.mark.parametrize(
    ("schema", "values", "sentence"),
    [
        ({"type": "integer"}, {"x": "secret"}, "The value of x must be a whole number."),
        ({"type": "number"}, {"x": "secret"}, "The value of x must be a number."),
        ({"type": "boolean"}, {"x": "secret"}, "The value of x must be true or false."),
        ({"type": "array"}, {"x": "secret"}, "The value of x must be a list."),
        ({"minimum": 1}, {"x": 0}, "The value of x must be at least 1."),
        ({"exclusiveMinimum": 1}, {"x": 1}, "The value of x must be greater than 1."),
        ({"exclusiveMaximum": 1}, {"x": 1}, "The value of x must be less than 1."),
        ({"minItems": 1}, {"x": []}, "The number of items in x must be at least 1."),
        ({"maxItems": 1}, {"x": ["secret"] * 2}, "The number of items in x must be at most 1."),
        ({"pattern": "^a"}, {"x": "secret"}, "The value of x does not fit the rule pattern: ^a."),
        ({"required": ["y", "z"]}, {"x": {}}, "Missing: x.y, x.z."),
        (
            {"properties": {"y": True}, "patternProperties": {"^a": True}, "additionalProperties": False},
            {"x": {"y": "secret", "a1": "secret", "b": "secret"}},
            "Not known: x.b. Known are: y, ^a.",
        ),
    ],
)
def test_schema_problem_is_told_once_and_shows_no_text(
    schema: dict[str, Any], values: dict[str, Any], sentence: str
) -> None:
    problems = schema_problems(values, {"properties": {"x": schema}})

    assert [str(problem) for problem in problems] == [sentence]


def test_schema_problem_of_all_values_names_the_rule() -> None:
    problems = schema_problems({"x": "secret"}, {"minProperties": 2})

    assert [str(problem) for problem in problems] == ["The values do not fit the rule minProperties: 2."]


def test_error_of_build_carries_its_problems_one_by_one() -> None:
    with pytest.raises(ConfigurationError) as caught:
        registry.build(spec("openai", api_key=Secret(""), model=""))

    problems = caught.value.details["problems"]
    assert " ".join(map(str, problems)) == caught.value.message
    assert len(problems) == 3


def test_build_tells_everything_that_is_wrong_at_once() -> None:
    message = problem_of(spec("openai", api_key=Secret(""), model="", sampling=Sampling(top_p=2)))

    assert all(part in message for part in ("API key", "model name", "top_p"))


def test_build_takes_stop_sequences() -> None:
    backend = registry.build(spec(sampling=Sampling(stop=("END",))))

    assert backend.name == "llama-cpp"
