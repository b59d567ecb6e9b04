"""Which generators there are, what they take and what they answer with."""

from __future__ import annotations

from typing import Any, Literal

from django.http import HttpRequest, HttpResponse
from ninja import Router
from pydantic import BaseModel, Field

from epochs.current import current
from generators.known import known
from generators.offers import Offer

from .authentication import to_read
from .errors import ApiError
from .openapi import documented
from .responses import json_response

router = Router(tags=["Generators"])


class Output(BaseModel):
    kind: Literal["text", "json", "fenced"] = Field(
        description="`text`: as it was generated; `json`: `result.data` is a JSON value; `fenced`: "
        "`result.text` is the inside of one code block."
    )
    json_schema: dict[str, Any] | None = Field(
        serialization_alias="schema", description="The JSON Schema that `result.data` fits, if there is one."
    )
    language: str | None = Field(description="Of the code block.")


class Generator(BaseModel):
    object: Literal["generator"] = "generator"
    name: str = Field(description="With its version, which never changes.")
    short_name: str = Field(description="Without its version: means the current one.")
    is_current: bool
    description: str
    takes_messages: bool = Field(description="Whether it also takes `messages`.")
    input_schema: dict[str, Any] = Field(
        description="The JSON Schema (draft 2020-12) of `input`. A `prompt` is an input with nothing else."
    )
    output: Output


class GeneratorList(BaseModel):
    object: Literal["list"] = "list"
    data: list[Generator]


@router.get(
    "/generators",
    auth=to_read,
    url_name="generators",
    operation_id="list_generators",
    summary="List generators",
    by_alias=True,
    **documented({200: GeneratorList}, descriptions={200: "All of them."}),
)
async def list_generators(request: HttpRequest) -> HttpResponse:
    """All that you can name as `generator` of a generation, each version for itself."""
    offers = (await known(await current())).offers
    answer = GeneratorList(data=[_generator(offer) for offer in offers])
    return json_response(answer.model_dump(mode="json", by_alias=True))


@router.get(
    "/generators/{name}",
    auth=to_read,
    url_name="generator",
    operation_id="get_generator",
    summary="Get a generator",
    by_alias=True,
    **documented({200: Generator}, 404, descriptions={200: "The generator."}),
)
async def get_generator(request: HttpRequest, name: str) -> HttpResponse:
    """By its name or, for the current version, its short name."""
    offer = (await known(await current())).offer(name)
    if offer is None:
        raise ApiError("not_found", "There is no such generator.")
    return json_response(_generator(offer).model_dump(mode="json", by_alias=True))


def _generator(offer: Offer) -> Generator:
    return Generator(
        name=offer.public_name,
        short_name=offer.name,
        is_current=offer.is_current,
        description=offer.description,
        takes_messages=offer.takes_messages,
        input_schema=dict(offer.input_schema),
        output=Output(
            kind=offer.output_kind,
            json_schema=None if offer.output_schema is None else dict(offer.output_schema),
            language=offer.language or None,
        ),
    )
