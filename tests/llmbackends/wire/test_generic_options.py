"""Options of the generic language: what cannot work is told before anything is sent."""

from __future__ import annotations

from typing import Any

import pytest

from llmbackends.errors import ConfigurationError
from llmbackends.wire import generic_json

BODY = {"q": "{{prompt}}"}


def options(**more: Any) -> dict[str, Any]:
    return {"body": BODY, "text_path": "text", **more}


@pytest.mark.parametrize(
    "given",
    [
        options(),
        options(body={"m": ["{{messages}}"], "t": "{{ temperature }}", "n": 1}),
        options(stream_framing="sse", stream_end="[DONE]", stream_body={"q": "{{prompt}}"}),
        options(path="/models/{{model}}/run"),
        options(model_names_path="models.*.name"),
    ],
)
def test_options_that_can_work_pass(given: dict[str, Any]) -> None:
    generic_json.check_options(given)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (options(body={"q": "{{prompt}}", "x": "{{colour}}"}), r"body .*unknown.*\{\{colour\}\}.*known are"),
        (options(body={"q": "{{prompt}}", "x": [{"y": "a {{}} b"}]}), "body .*unknown"),
        (options(body={"q": "{{prompt.text}}"}), "unknown"),
        (options(stream_body={"q": "{{nonsense}}"}), "stream_body .*unknown"),
        (options(body={"m": "{{model}}"}), "nothing would be asked"),
        (options(body={}), "nothing would be asked"),
        (options(stream_body={"stream": True}), "stream_body .*nothing would be asked"),
        (options(path="/run/{{prompt}}"), r"path .*\{\{prompt\}\}.*model"),
        (options(stream_framing="sse"), "belong together"),
        (options(stream_end="[DONE]"), "belong together"),
    ],
)
def test_options_that_cannot_work_are_told(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        generic_json.check_options(given)


@pytest.mark.parametrize("name", ["Host", "host", " HOST ", "Proxy-Authorization", "Connection", "Upgrade"])
def test_header_that_says_where_the_call_goes_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="the endpoint decides"):
        generic_json.check_options(options(headers={"X-Team": "a", name: "elsewhere"}))


@pytest.mark.parametrize(
    "name",
    [
        "text_path",
        "prompt_tokens_path",
        "completion_tokens_path",
        "finish_reason_path",
        "error_path",
        "stream_text_path",
        "model_names_path",
    ],
)
@pytest.mark.parametrize("path", ["choices..text", ".", "text."])
def test_options_that_are_no_paths_are_told(name: str, path: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{name} is no path"):
        generic_json.check_options(options(**{name: path}))


def test_options_say_whether_and_how_the_service_streams() -> None:
    assert generic_json.framing(options()) is None
    assert generic_json.framing(options(stream_framing="ndjson", stream_end="done=true")) == "ndjson"


def test_options_hold_the_paths_of_the_lookups() -> None:
    given = options(check_path="/up", models_path="/models")
    assert (generic_json.check_path(given), generic_json.models_path(given)) == ("/up", "/models")
    assert (generic_json.check_path(options()), generic_json.models_path(options())) == (None, None)
