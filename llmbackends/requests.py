"""A request as a backend takes it on: its gaps filled from the spec, and nothing in it that it cannot do."""

from __future__ import annotations

from dataclasses import replace

from .catalog import Provider
from .errors import RequestError, UnsupportedFeature
from .spec import BackendSpec
from .types import ChatRequest, ToolChoice


def prepare_request(request: ChatRequest, spec: BackendSpec, provider: Provider) -> ChatRequest:
    """The request with the spec's sampling where it sets none itself.

    Raises UnsupportedFeature, with the names in `details["unsupported"]`, or RequestError.
    """
    request = replace(request, sampling=request.sampling.over(spec.sampling))
    lacking: list[str] = [
        *sorted(request.features() - provider.features),
        *sorted(request.sampling.given().keys() - provider.sampling_parameters),
    ]
    if lacking:
        raise UnsupportedFeature(
            f"{provider.label} does not support {', '.join(lacking)}.", details={"unsupported": lacking}
        )
    return request if provider.takes_named_tool else _with_named_tool_only(request)


def _with_named_tool_only(request: ChatRequest) -> ChatRequest:
    choice = request.tool_choice
    if choice is None or choice.mode != "named":
        return request
    named = tuple(tool for tool in request.tools if tool.name == choice.name)
    if not named:
        raise RequestError(f"The tool {choice.name!r} is chosen, but it is not among the request's tools.")
    return replace(request, tools=named, tool_choice=ToolChoice("required"))
