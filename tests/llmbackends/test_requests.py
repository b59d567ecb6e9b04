"""What a backend makes of a request before anything is sent."""

from __future__ import annotations

import pytest

from llmbackends.catalog import OLLAMA, OPENAI, Provider
from llmbackends.errors import UnsupportedFeature
from llmbackends.requests import RequestRules
from llmbackends.spec import BackendSpec
from llmbackends.types import ChatRequest, Message, Tool, ToolChoice

TIDE = Tool("tide")


def applied(provider: Provider, choice: ToolChoice | None) -> ChatRequest:
    rules = RequestRules(BackendSpec(provider.id, "m"), provider)
    return rules.apply(ChatRequest((Message("user", "Hello"),), tools=(TIDE,), tool_choice=choice))


def test_tools_that_may_not_be_called_are_not_sent_where_the_service_takes_no_choice() -> None:
    request = applied(OLLAMA, ToolChoice("none"))

    assert (request.tools, request.tool_choice) == ((), None)


def test_tools_that_may_not_be_called_are_sent_where_the_service_takes_a_choice() -> None:
    request = applied(OPENAI, ToolChoice("none"))

    assert (request.tools, request.tool_choice) == ((TIDE,), ToolChoice("none"))


@pytest.mark.parametrize("choice", [ToolChoice("required"), ToolChoice("named", "tide")])
def test_tools_that_must_be_called_are_unsupported_where_the_service_takes_no_choice(
    choice: ToolChoice,
) -> None:
    with pytest.raises(UnsupportedFeature) as caught:
        applied(OLLAMA, choice)

    assert caught.value.details["unsupported"] == ["tool_choice"]


@pytest.mark.parametrize("choice", [None, ToolChoice("auto")])
def test_tools_that_may_be_called_are_sent_as_they_are(choice: ToolChoice | None) -> None:
    request = applied(OLLAMA, choice)

    assert (request.tools, request.tool_choice) == ((TIDE,), choice)
