"""A request as a backend takes it on: its gaps filled from the spec, and nothing in it that it cannot do."""

from __future__ import annotations

from dataclasses import replace

from .catalog import Provider
from .errors import RequestError, UnsupportedFeature
from .spec import BackendSpec
from .texts import Sentence, gettext_noop
from .types import ChatRequest, Feature, ToolChoice


class RequestRules:
    """What one backend makes of requests.

    Raises RequestError, or UnsupportedFeature with the names of what is lacking in `details["unsupported"]`.
    """

    def __init__(self, spec: BackendSpec, provider: Provider) -> None:
        self._defaults = spec.sampling
        self._provider = provider
        self._sampling_parameters = provider.sampling_parameters

    def apply(self, request: ChatRequest) -> ChatRequest:
        """The request with the spec's sampling where it sets none itself."""
        sampling = request.sampling.over(self._defaults)
        request = self._without_tools_not_to_be_called(request)
        lacking_features = request.features() - self._provider.features
        lacking_parameters = sampling.given().keys() - self._sampling_parameters
        if lacking_features or lacking_parameters:
            raise self.unsupported(*sorted(lacking_features), *sorted(lacking_parameters))
        if sampling is not request.sampling:
            request = replace(request, sampling=sampling)
        return request if self._provider.takes_named_tool else _with_named_tool_only(request)

    def _without_tools_not_to_be_called(self, request: ChatRequest) -> ChatRequest:
        """Where the service cannot be told to leave the tools alone, it does not get to know them."""
        choice = request.tool_choice
        if choice is None or choice.mode != "none" or Feature.TOOL_CHOICE in self._provider.features:
            return request
        return replace(request, tools=(), tool_choice=None)

    def require_embeddings(self) -> None:
        if Feature.EMBEDDINGS not in self._provider.features:
            raise self.unsupported(Feature.EMBEDDINGS)

    def unsupported(self, *lacking: str) -> UnsupportedFeature:
        return UnsupportedFeature(
            Sentence(
                gettext_noop("%(label)s does not support %(names)s."),
                label=self._provider.label,
                names=", ".join(lacking),
            ),
            details={"unsupported": list(lacking)},
        )


def _with_named_tool_only(request: ChatRequest) -> ChatRequest:
    choice = request.tool_choice
    if choice is None or choice.mode != "named":
        return request
    named = tuple(tool for tool in request.tools if tool.name == choice.name)
    if not named:
        raise RequestError(
            Sentence(
                gettext_noop("The tool %(name)r is chosen, but it is not among the request's tools."),
                name=choice.name,
            )
        )
    return replace(request, tools=named, tool_choice=ToolChoice("required"))
