"""Requests made of a row's body template."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import pytest

from llmbackends.errors import UnsupportedFeature
from llmbackends.types import SAMPLING_NAMES, ChatRequest, ImagePart, Message, Sampling
from llmbackends.wire import WireCall, generic_json

from .conversations import FULL_SAMPLING, TOOL_TURNS, USER

SYSTEM = Message("system", "Be brief.")
CONVERSATION = (SYSTEM, USER, Message("assistant", "Hi"), Message("user", "Bye"))


def encode(
    body: Any, request: ChatRequest, *, stream: bool = False, model: str = "m", **options: Any
) -> WireCall:
    given = {"body": body, "text_path": "text", **options}
    return generic_json.encode(request, model=model, stream=stream, prompt_route=False, options=given)


def filled(template: Any, request: ChatRequest, **kwargs: Any) -> Any:
    """The value at "x" of a template that has `template` there."""
    return encode({"q": "{{prompt}}", "x": template}, request, **kwargs).body.get("x")


def test_call_is_a_post_to_the_endpoint_itself_by_default() -> None:
    call = encode({"q": "{{prompt}}"}, ChatRequest((USER,)))
    assert call == WireCall({"q": "Hello"}, method="POST", path="")


def test_call_has_the_method_path_and_headers_of_the_row() -> None:
    call = encode(
        {"q": "{{prompt}}"}, ChatRequest((USER,)), method="PUT", path="/run", headers={"X-Team": "blue"}
    )
    assert (call.method, call.path, call.headers) == ("PUT", "/run", {"X-Team": "blue"})


def test_call_path_holds_the_model_percent_encoded() -> None:
    call = encode({"q": "{{prompt}}"}, ChatRequest((USER,)), path="/m/{{model}}/run", model="../acme/x?y")
    assert call.path == "/m/..%2Facme%2Fx%3Fy/run"


@pytest.mark.parametrize("name", SAMPLING_NAMES)
def test_template_knows_every_sampling_parameter_with_its_type(name: str) -> None:
    value = filled(f"{{{{{name}}}}}", ChatRequest((USER,), sampling=FULL_SAMPLING))
    expected = {**FULL_SAMPLING.given(), "stop": ["END", "STOP"]}[name]
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{model}}", "m"),
        ("{{ model }}", "m"),
        ("{{stream}}", False),
        ("model {{model}} at {{temperature}} of {{top_p}}, {{stop}}", 'model m at 0.5 of , ["END"]'),
        ({"deep": ["{{temperature}}", "{{top_p}}", 7, None]}, {"deep": [0.5, 7, None]}),
        ("{no} {{{model}}}", "{no} {m}"),
        ("plain", "plain"),
    ],
)
def test_template_is_filled(template: Any, expected: Any) -> None:
    request = ChatRequest((USER,), sampling=Sampling(temperature=0.5, stop=("END",)))
    assert filled(template, request) == expected


def test_template_key_without_a_value_is_left_out() -> None:
    body = encode({"q": "{{prompt}}", "t": "{{temperature}}", "s": "{{system}}"}, ChatRequest((USER,))).body
    assert body == {"q": "Hello"}


def test_template_may_be_frozen() -> None:
    body = MappingProxyType({"q": "{{prompt}}", "x": ("{{model}}",)})
    assert encode(body, ChatRequest((USER,))).body == {"q": "Hello", "x": ["m"]}


def test_template_does_not_fill_what_a_user_wrote() -> None:
    request = ChatRequest((Message("user", "say {{model}} {{colour}}"),))
    assert filled("Q: {{prompt}}", request) == "Q: say {{model}} {{colour}}"
    assert filled("{{prompt}}", request) == "say {{model}} {{colour}}"


def test_template_messages_are_objects_with_role_and_content() -> None:
    assert filled("{{messages}}", ChatRequest(CONVERSATION)) == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Hi"},
        {"role": "user", "content": "Bye"},
    ]


def test_template_prompt_of_a_conversation_is_a_transcript() -> None:
    assert filled("{{prompt}}", ChatRequest(CONVERSATION)) == (
        "System: Be brief.\n\nUser: Hello\n\nAssistant: Hi\n\nUser: Bye\n\nAssistant:"
    )


def test_template_with_system_has_it_nowhere_else() -> None:
    body = encode(
        {"s": "{{system}}", "m": "{{messages}}", "q": "{{prompt}}"}, ChatRequest((SYSTEM, USER))
    ).body
    assert body == {"s": "Be brief.", "m": [{"role": "user", "content": "Hello"}], "q": "Hello"}


def test_template_system_joins_the_system_messages() -> None:
    request = ChatRequest((SYSTEM, USER, Message("system", "Be kind.")))
    assert filled("{{system}}", request) == "Be brief.\n\nBe kind."


def test_template_of_a_bare_prompt() -> None:
    body = encode({"m": "{{messages}}", "q": "{{prompt}}"}, ChatRequest(prompt="Once")).body
    assert body == {"m": [{"role": "user", "content": "Once"}], "q": "Once"}


def test_template_for_streams_is_the_body_or_its_own() -> None:
    request = ChatRequest((USER,))
    own = {"q": "{{prompt}}", "live": "{{stream}}"}
    assert encode({"q": "{{prompt}}", "s": "{{stream}}"}, request, stream=True).body == {
        "q": "Hello",
        "s": True,
    }
    assert encode({"q": "{{prompt}}"}, request, stream=True, stream_body=own).body == {
        "q": "Hello",
        "live": True,
    }
    assert encode({"q": "{{prompt}}"}, request, stream=False, stream_body=own).body == {"q": "Hello"}


@pytest.mark.parametrize(
    "messages", [TOOL_TURNS, (Message("user", (ImagePart("aGk=", "image/png"),)),), (TOOL_TURNS[2],)]
)
def test_request_with_what_a_template_cannot_say_is_refused(messages: tuple[Message, ...]) -> None:
    with pytest.raises(UnsupportedFeature):
        encode({"m": "{{messages}}"}, ChatRequest(messages))
