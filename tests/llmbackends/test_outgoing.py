"""The body of a request as JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest
from yarl import URL

from llmbackends.errors import RequestError
from llmbackends.outgoing import as_json, join_url
from llmbackends.zones import target_of

DEEP: Any = []
for _ in range(100_000):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"text": "é😀\u2028\x00", "numbers": [1, 0.1, -5, 10**30, 1e300], "flags": [True, False]},
        {"nothing": None},
        {"text": "it says null"},
        {"text": "a lone surrogate: \ud800"},
    ],
)
def test_body_is_read_as_what_was_written(body: dict[str, Any]) -> None:
    assert json.loads(as_json(body)) == body


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), [{"deep": -float("inf")}], object(), DEEP],
    ids=["nan", "inf", "deep-inf", "object", "too-deep"],
)
def test_value_that_json_has_not_is_refused(value: Any) -> None:
    with pytest.raises(RequestError, match="cannot be written as JSON"):
        as_json({"value": value})


@pytest.mark.parametrize("endpoint", ["http://gpu:8000", "http://gpu:8000/", "http://gpu:8000/base/v1"])
@pytest.mark.parametrize(
    "path",
    [
        "",
        "/chat",
        "@evil.net/",
        ":9000/",
        "//evil.net/",
        "/\\evil.net",
        "http://evil.net/",
        "?a=b",
        ".evil.net",
    ],
)
def test_no_path_leads_to_another_host(endpoint: str, path: str) -> None:
    url = URL(join_url(endpoint, path))  # as aiohttp reads it

    assert str(url.origin()) == target_of(endpoint).origin == "http://gpu:8000"
