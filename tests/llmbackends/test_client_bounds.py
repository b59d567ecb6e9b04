from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from llmbackends.client_bounds import SCHEMA, ClientBounds, default_bounds
from llmbackends.types import SAMPLING_NAMES, Sampling

ALL = frozenset(SAMPLING_NAMES)
NOTHING = Sampling()
is_valid = Draft202012Validator(SCHEMA).is_valid


def left_of(
    wanted: Sampling, parameters: dict[str, Any], *, own: Sampling = NOTHING, known: frozenset[str] = ALL
) -> Sampling:
    return ClientBounds(parameters).within(wanted, own=own, known=known)


@pytest.mark.parametrize("parameters", [{}, {"temperature": {}}])
def test_request_that_wants_nothing_is_left_as_it_is(parameters: dict[str, Any]) -> None:
    wanted = Sampling()

    assert left_of(wanted, parameters, own=Sampling(max_tokens=5)) is wanted


@pytest.mark.parametrize("name", sorted(ALL - {"stop"}))
def test_parameter_passes_only_where_it_is_opened(name: str) -> None:
    wanted = Sampling(**{name: 1})

    assert left_of(wanted, {name: {}}) == wanted
    assert left_of(wanted, {other: {} for other in ALL - {name}}) == NOTHING


def test_stop_passes_only_where_it_is_opened() -> None:
    wanted = Sampling(stop=("END", "###"))

    assert left_of(wanted, {"stop": {}}) == wanted
    assert left_of(wanted, {"max_tokens": {}}) == NOTHING


@pytest.mark.parametrize(
    ("bounds", "passing", "ignored"),
    [
        ({"minimum": 0.5}, [0.5, 2], [0.49, 0]),
        ({"maximum": 0.5}, [0.5, 0], [0.51, 2]),
        ({"minimum": 0.2, "maximum": 0.5}, [0.2, 0.3, 0.5], [0.19, 0.51]),
        ({"minimum": 0, "maximum": 0}, [0], [-0.01, 0.01]),
    ],
)
def test_bounds_are_inclusive_and_what_is_outside_is_ignored(
    bounds: dict[str, float], passing: list[float], ignored: list[float]
) -> None:
    left = {value: left_of(Sampling(temperature=value), {"temperature": bounds}) for value in passing}

    assert left == {value: Sampling(temperature=value) for value in passing}
    assert {left_of(Sampling(temperature=value), {"temperature": bounds}) for value in ignored} == {NOTHING}


def test_value_that_is_ignored_takes_no_other_with_it() -> None:
    wanted = Sampling(temperature=2, top_p=0.5, max_tokens=10, stop=("END",), seed=1)

    left = left_of(wanted, {"temperature": {"maximum": 1}, "top_p": {"minimum": 0.5}, "stop": {}})

    assert left == Sampling(top_p=0.5, stop=("END",))


def test_parameter_that_the_provider_does_not_take_is_ignored() -> None:
    wanted = Sampling(top_k=4, max_tokens=10)

    assert left_of(wanted, {"top_k": {}, "max_tokens": {}}, known=frozenset({"max_tokens"})) == Sampling(
        max_tokens=10
    )


@pytest.mark.parametrize(
    ("bounds", "own", "highest"),
    [
        ({}, 100, 100),
        ({"minimum": 1}, 100, 100),
        ({"maximum": 50}, 100, 50),
        ({"maximum": 200}, 100, 200),
        ({"maximum": 50}, None, 50),
    ],
)
def test_most_tokens_are_those_of_the_bounds_else_of_the_configuration(
    bounds: dict[str, float], own: int | None, highest: int
) -> None:
    def left(value: int) -> Sampling:
        return left_of(Sampling(max_tokens=value), {"max_tokens": bounds}, own=Sampling(max_tokens=own))

    assert left(highest) == Sampling(max_tokens=highest)
    assert left(highest + 1) == NOTHING


def test_tokens_are_unlimited_where_nobody_limits_them() -> None:
    assert left_of(Sampling(max_tokens=10**9), {"max_tokens": {}}) == Sampling(max_tokens=10**9)


def test_own_value_bounds_no_other_parameter() -> None:
    wanted = Sampling(temperature=1.5)

    assert left_of(wanted, {"temperature": {}}, own=Sampling(temperature=0.1)) == wanted


def test_clients_may_only_shorten_the_answer_where_nothing_is_said() -> None:
    wanted = Sampling(**dict.fromkeys(ALL - {"stop"}, 1), stop=("END",))

    left = ClientBounds().within(wanted, own=Sampling(max_tokens=5), known=ALL)

    assert left == Sampling(max_tokens=1, stop=("END",))


def test_default_bounds_are_made_anew_each_time() -> None:
    default_bounds()["temperature"] = {}

    assert default_bounds() == {"max_tokens": {}, "stop": {}}


def test_schema_knows_every_parameter_of_sampling() -> None:
    names = {field.name for field in fields(Sampling)}

    assert set(SCHEMA["properties"]) == names
    assert is_valid({name: {} for name in names})


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        default_bounds(),
        {"temperature": {"minimum": 0, "maximum": 1.5}},
        {"max_tokens": {"maximum": 100}, "stop": {}},
    ],
)
def test_schema_takes_bounds(parameters: dict[str, Any]) -> None:
    assert is_valid(parameters)


@pytest.mark.parametrize(
    "parameters",
    [
        [],
        {"heat": {}},
        {"temperature": None},
        {"temperature": 1},
        {"temperature": {"maximum": "1"}},
        {"temperature": {"max": 1}},
        {"stop": {"maximum": 3}},
    ],
)
def test_schema_refuses_what_bounds_nothing(parameters: Any) -> None:
    assert not is_valid(parameters)
