"""What a client may send to POST /generations. Unknown fields and wrong types are refused, not guessed at."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Annotated, Any, Literal

from django.conf import settings
from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    model_validator,
)
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

from generation.requests import DEFAULT_GENERATOR, GenerationRequest

from .fields import NO_NUL, Strict, whole, without_nul

MAX_MESSAGES = 1000
MAX_PARTS = 100
MAX_METADATA = 16
MAX_METADATA_NAME = 64
MAX_METADATA_VALUE = 512
_DATA_URL_PATTERN = (
    "^data:image/(png|jpeg|gif|webp);base64,"
    "([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)$"
)
_DATA_URL = re.compile(r"data:(image/(?:png|jpeg|gif|webp));base64,(.+)", re.DOTALL)


def _image_data(url: str) -> str:
    found = _DATA_URL.fullmatch(url)
    try:
        if found is None or not base64.b64decode(found[2], validate=True):
            raise ValueError
    except (binascii.Error, ValueError):
        raise PydanticCustomError(
            "data_url", "give a PNG, JPEG, GIF or WebP image as data:image/png;base64,…"
        ) from None
    return url


Text = Annotated[str, Field(min_length=1, json_schema_extra=NO_NUL), AfterValidator(without_nul)]


class TextPart(Strict):
    type: Literal["text"]
    text: Text

    def as_job_json(self) -> dict[str, Any]:
        return {"type": "text", "text": self.text}


class ImageUrl(Strict):
    url: Annotated[
        str,
        AfterValidator(_image_data),
        Field(
            description="A PNG, JPEG, GIF or WebP image as data:image/png;base64,…",
            json_schema_extra={"pattern": _DATA_URL_PATTERN},
        ),
    ]


class ImagePart(Strict):
    type: Literal["image_url"]
    image_url: ImageUrl

    def as_job_json(self) -> dict[str, Any]:
        head, _, data = self.image_url.url.partition(";base64,")
        return {"type": "image", "media_type": head.removeprefix("data:"), "data": data}


def _kind_of_part(part: Any) -> str | None:
    kind = part.get("type") if isinstance(part, dict) else getattr(part, "type", None)
    return {"text": "<text>", "image_url": "<image>"}.get(kind) if isinstance(kind, str) else None


def _kind_of_content(content: Any) -> str | None:
    if isinstance(content, str):
        return "<text>"
    return "<parts>" if isinstance(content, list) else None


# The tags stand in `<…>` because they appear in the paths of errors, where they are no names of the body.
Part = Annotated[
    Annotated[TextPart, Tag("<text>")] | Annotated[ImagePart, Tag("<image>")],
    Discriminator(
        _kind_of_part,
        custom_error_type="part",
        custom_error_message="a part is an object whose type is text or image_url",
    ),
]
Parts = Annotated[list[Part], Field(min_length=1, max_length=MAX_PARTS)]
Content = Annotated[
    Annotated[Text, Tag("<text>")] | Annotated[Parts, Tag("<parts>")],
    Discriminator(
        _kind_of_content, custom_error_type="content", custom_error_message="it is a text or a list of parts"
    ),
]


_IMAGES_FROM_THE_USER: JsonDict = {
    "if": {"properties": {"role": {"const": "user"}}},
    "else": {"properties": {"content": {"items": {"properties": {"type": {"const": "text"}}}}}},
}


class Message(Strict):
    model_config = ConfigDict(json_schema_extra=_IMAGES_FROM_THE_USER)

    role: Literal["system", "user", "assistant"]
    content: Content

    @model_validator(mode="after")
    def _images_come_from_the_user(self) -> Message:
        has_image = not isinstance(self.content, str) and any(
            isinstance(part, ImagePart) for part in self.content
        )
        if has_image and self.role != "user":
            raise PydanticCustomError("images", "only messages with the role user can hold images")
        return self

    def as_job_json(self) -> dict[str, Any]:
        if isinstance(self.content, str):
            return {"role": self.role, "content": self.content}
        return {"role": self.role, "content": [part.as_job_json() for part in self.content]}


MetadataName = Annotated[
    str,
    Field(min_length=1, max_length=MAX_METADATA_NAME, json_schema_extra=NO_NUL),
    AfterValidator(without_nul),
]
MetadataValue = Annotated[
    str, Field(max_length=MAX_METADATA_VALUE, json_schema_extra=NO_NUL), AfterValidator(without_nul)
]


_WAYS = {"prompt": "string", "input": "object", "messages": "array"}
_ONE_OF_THREE: JsonDict = {
    "oneOf": [
        {
            "required": [way],
            "properties": {name: {"type": kind if name == way else "null"} for name, kind in _WAYS.items()},
        }
        for way in _WAYS
    ]
}


class Submission(Strict):
    """One text to generate, from a prompt, an input or messages."""

    model_config = ConfigDict(json_schema_extra=_ONE_OF_THREE)

    prompt: Text | None = Field(
        None, description='What to generate from, as one text: short for `input: {"prompt": …}`.'
    )
    input: dict[str, Any] | None = Field(
        None,
        description="What to generate from, by the generator's `input_schema`. One of this, `prompt` and "
        "`messages`.",
    )
    messages: Annotated[list[Message], Field(min_length=1, max_length=MAX_MESSAGES)] | None = Field(
        None,
        description="A conversation, oldest message first, in place of an input. Not every generator takes "
        "one.",
    )
    generator: str = Field(
        DEFAULT_GENERATOR,
        max_length=60,
        description="Which generator answers: a name from `GET /generators`. Without its version it means "
        "the current one.",
        json_schema_extra={"examples": [DEFAULT_GENERATOR, "json-v1", "json"]},
    )
    priority: Annotated[int, BeforeValidator(whole)] = Field(
        3, ge=1, le=5, description="1 is the most urgent, 5 the least."
    )
    # The bounds of the number, and not of the choice between it and null: else the schema loses them.
    expires_in_s: (
        Annotated[int, Field(ge=1, le=int(settings.GENERATION_LONGEST_DEADLINE_S)), BeforeValidator(whole)]
        | None
    ) = Field(
        None,
        description="For how many seconds the result is wanted. A generation that has not begun by then "
        "fails with `expired`; one that has not ended, with `backend_timeout`.",
    )
    metadata: dict[MetadataName, MetadataValue] = Field(
        {},
        max_length=MAX_METADATA,
        description="Your own labels; they come back with the generation.",
        json_schema_extra={"additionalProperties": False},
    )

    @model_validator(mode="after")
    def _one_of_three(self) -> Submission:
        given = [name for name in _WAYS if getattr(self, name) is not None]
        if len(given) != 1:
            told = "Give a prompt, an input or messages{only}."
            only = ": one of the three" if given else ""
            raise PydanticCustomError("one_of_three", told, {"only": only, "param": "prompt"})
        return self

    def as_request(self) -> GenerationRequest:
        return GenerationRequest(
            prompt=self.prompt,
            input=self.input,
            messages=tuple(message.as_job_json() for message in self.messages or ()),
            generator=self.generator,
            priority=self.priority,
            metadata=dict(self.metadata),
            expires_in_s=self.expires_in_s,
        )
