"""The request of a job as JSON in its row, and as the ChatRequest that a model gets.

{"prompt": "…"}  or  {"messages": [{"role": "user", "content": "…" or [part, …]}, …]}
part: {"type": "text", "text": "…"} or {"type": "image", "media_type": "image/png", "data": "<base64>"}
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.conf import settings

from llmbackends.types import ChatRequest, ContentPart, ImagePart, JsonObject, Message, TextPart

from . import generators
from .errors import InvalidRequest, ResultExpired, UnknownGenerator
from .generators import generator_names

if TYPE_CHECKING:
    from .models import GenerationJob

PRIORITIES = range(1, 6)
_ROLES = ("system", "user", "assistant")


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """What a client asks for: a prompt or messages, not both. Priority 1 is the most urgent.

    expires_in_s: how long the answer is wanted; None: as long as the settings say.
    """

    prompt: str | None = None
    messages: tuple[JsonObject, ...] = ()
    generator: str = generators.DEFAULT
    priority: int = 3
    metadata: JsonObject = field(default_factory=dict)
    expires_in_s: float | None = None

    @property
    def chat_json(self) -> dict[str, Any]:
        if self.prompt is None:
            return {"messages": list(self.messages)}
        return {"prompt": self.prompt}

    @property
    def digest(self) -> str:
        """The same for two requests that ask for the same, whatever the order of their JSON's names."""
        asked: dict[str, Any] = {
            "generator": self.generator,
            "messages": self.messages,
            "metadata": self.metadata,
            "priority": self.priority,
            "prompt": self.prompt,
        }
        if self.expires_in_s is not None:  # without it as it was before there was such a field
            asked["expires_in_s"] = self.expires_in_s
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def request_of(job: GenerationJob) -> GenerationRequest:
    """What the job was asked for. Raises ResultExpired if that has been deleted."""
    if job.result_expired_at is not None:
        raise ResultExpired
    asked_for_s = (job.deadline_at - job.created_at).total_seconds()
    return GenerationRequest(
        prompt=job.request.get("prompt"),
        messages=tuple(job.request.get("messages", ())),
        generator=job.generator,
        priority=job.priority,
        metadata=job.metadata,
        expires_in_s=min(asked_for_s, settings.GENERATION_LONGEST_DEADLINE_S),
    )


def validate(request: GenerationRequest) -> None:
    """Raises InvalidRequest, also for what the database could not store."""
    validate_generator(request.generator)
    if request.priority not in PRIORITIES:
        raise InvalidRequest("The priority is a number from 1 (most urgent) to 5.", param="priority")
    longest = settings.GENERATION_LONGEST_DEADLINE_S
    if request.expires_in_s is not None and not 0 < request.expires_in_s <= longest:
        raise InvalidRequest(f"It can expire in at most {longest:g} seconds.", param="expires_in_s")
    if (request.prompt is None) == (not request.messages):
        raise InvalidRequest("Give either a prompt or messages.", param="messages")
    _validate_storable(request.chat_json, param="messages" if request.prompt is None else "prompt")
    _validate_storable(request.metadata, param="metadata")
    to_chat_request(request.chat_json)


def validate_generator(name: str) -> None:
    """Raises UnknownGenerator."""
    if name not in generator_names():
        raise UnknownGenerator(name, known=generator_names())


def to_chat_request(chat_json: JsonObject) -> ChatRequest:
    """Raises InvalidRequest. A prompt becomes one user message."""
    if "prompt" in chat_json:
        if not isinstance(chat_json["prompt"], str) or not chat_json["prompt"]:
            raise InvalidRequest("The prompt is a text that is not empty.", param="prompt")
        return ChatRequest(messages=(Message("user", chat_json["prompt"]),))
    messages = chat_json.get("messages")
    if not isinstance(messages, list) or not messages:
        raise InvalidRequest("Messages are a list with at least one message.", param="messages")
    return ChatRequest(
        messages=tuple(
            _message(message, param=f"messages[{index}]") for index, message in enumerate(messages)
        )
    )


def _message(message: Any, *, param: str) -> Message:
    if not isinstance(message, Mapping) or message.get("role") not in _ROLES:
        raise InvalidRequest(f"A message has a role: {', '.join(_ROLES)}.", param=f"{param}.role")
    content = message.get("content")
    if isinstance(content, str) and content:
        return Message(message["role"], content)
    if isinstance(content, list) and content:
        return Message(
            message["role"],
            tuple(_part(part, param=f"{param}.content[{index}]") for index, part in enumerate(content)),
        )
    raise InvalidRequest("A message has content: a text or a list of parts.", param=f"{param}.content")


def _part(part: Any, *, param: str) -> ContentPart:
    match part:
        case {"type": "text", "text": str(text)} if text:
            return TextPart(text)
        case {"type": "image", "data": str(data), "media_type": str(media_type)} if data and media_type:
            return ImagePart(data=data, media_type=media_type)
    raise InvalidRequest(
        'A part is {"type": "text", "text"} or {"type": "image", "media_type", "data"}.', param=param
    )


def _validate_storable(value: Any, *, param: str) -> None:
    """PostgreSQL stores neither NUL nor half a surrogate pair, and JSON knows neither NaN nor infinity."""
    for text in _texts(value):
        if storable(text) != text:
            raise InvalidRequest("The text holds characters that are not valid in Unicode text.", param=param)
    try:
        json.dumps(value, allow_nan=False)
    except (ValueError, TypeError, RecursionError):
        raise InvalidRequest("This is not valid JSON.", param=param) from None


def _texts(value: Any) -> Iterator[str]:
    """All texts of a JSON value, names included."""
    pending = [value]
    while pending:
        match pending.pop():
            case str(text):
                yield text
            case Mapping() as names:
                pending += [*names.keys(), *names.values()]
            case list() | tuple() as items:
                pending += items


def storable(text: str) -> str:
    """The text with U+FFFD for what no database stores; models do write such characters."""
    return text.replace("\x00", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
