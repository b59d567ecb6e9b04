"""The request of a job as JSON in its row, and as what a generator is given.

{"prompt": "…"}  or  {"input": {…}}  or  {"messages": [{"role": "user", "content": "…" or [part, …]}, …]}
part: {"type": "text", "text": "…"} or {"type": "image", "media_type": "image/png", "data": "<base64>"}
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings

from generators import asking, inputs
from generators.asking import Given
from generators.defaults import DEFAULT_NAME
from generators.definition import Definition
from generators.errors import InvalidInput, PromptTooLong
from llmbackends.texts import Sentence, gettext_noop, storable
from llmbackends.types import ContentPart, ImagePart, JsonObject, Message, TextPart

from .errors import InvalidRequest, ResultExpired

if TYPE_CHECKING:
    from .models import GenerationJob

DEFAULT_GENERATOR: Final = DEFAULT_NAME
PRIORITIES = range(1, 6)
_ROLES = ("system", "user", "assistant")
_DOUBTFUL = ("\\u0000", "\\ud")
"""How NUL and the halves of surrogate pairs begin where JSON is written in ASCII."""
# The pages say these, too.
_NOT_UNICODE = Sentence(gettext_noop("The text holds characters that are not valid in Unicode text."))
_NOT_JSON = Sentence(gettext_noop("This is not valid JSON."))


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """What a client asks for: a prompt, an input or messages. Priority 1 is the most urgent.

    generator: with or without its version.
    expires_in_s: how long the answer is wanted; None: as long as the settings say.
    """

    prompt: str | None = None
    messages: tuple[JsonObject, ...] = ()
    input: JsonObject | None = None
    generator: str = DEFAULT_GENERATOR
    priority: int = 3
    metadata: JsonObject = field(default_factory=dict)
    expires_in_s: float | None = None

    @property
    def chat_json(self) -> dict[str, Any]:
        if self.prompt is not None:
            return {"prompt": self.prompt}
        return {"messages": list(self.messages)} if self.input is None else {"input": dict(self.input)}

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
        later = {"expires_in_s": self.expires_in_s, "input": self.input}
        # Without one it is as it was before there was such a field.
        asked |= {name: value for name, value in later.items() if value is not None}
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def request_of(job: GenerationJob) -> GenerationRequest:
    """What the job was asked for, of the version that it was accepted for. Raises ResultExpired if that has
    been deleted."""
    if job.result_expired_at is not None:
        raise ResultExpired
    asked_for_s = (job.deadline_at - job.created_at).total_seconds()
    return GenerationRequest(
        prompt=job.request.get("prompt"),
        messages=tuple(job.request.get("messages", ())),
        input=job.request.get("input"),
        generator=job.generator,
        priority=job.priority,
        metadata=job.metadata,
        expires_in_s=min(asked_for_s, settings.GENERATION_LONGEST_DEADLINE_S),
    )


def validate(request: GenerationRequest, definition: Definition) -> None:
    """Raises InvalidRequest, also for what the database could not store."""
    if request.priority not in PRIORITIES:
        raise InvalidRequest("The priority is a number from 1 (most urgent) to 5.", param="priority")
    longest = settings.GENERATION_LONGEST_DEADLINE_S
    if request.expires_in_s is not None and not 0 < request.expires_in_s <= longest:
        raise InvalidRequest(f"It can expire in at most {longest:g} seconds.", param="expires_in_s")
    if [request.prompt is None, not request.messages, request.input is None].count(False) != 1:
        raise InvalidRequest("Give a prompt, an input or messages: one of the three.", param="messages")
    asked = request.chat_json
    validate_storable(asked, param=next(iter(asked)))
    validate_storable(request.metadata, param="metadata")
    given = given_of(asked)
    try:
        _check(given, definition, request)
    except InvalidInput as error:
        raise InvalidRequest(error.message, param=error.param) from None
    except PromptTooLong as error:
        raise InvalidRequest(error.message, param=next(iter(asked))) from None


def _check(given: Given, definition: Definition, request: GenerationRequest) -> None:
    if request.prompt is not None:
        inputs.check_prompt(definition, request.prompt)
    elif given.input is not None:
        inputs.check(definition, given.input)
    else:
        inputs.check_messages(definition, given.messages)
        return
    asking.prompt_of(definition, given)


def given_of(chat_json: JsonObject) -> Given:
    """Raises InvalidRequest. A prompt is short for an input with nothing else."""
    if "prompt" in chat_json:
        if not isinstance(chat_json["prompt"], str) or not chat_json["prompt"]:
            raise InvalidRequest("The prompt is a text that is not empty.", param="prompt")
        return Given(input={"prompt": chat_json["prompt"]})
    if "input" in chat_json:
        return Given(input=chat_json["input"])
    messages = chat_json.get("messages")
    if not isinstance(messages, list) or not messages:
        raise InvalidRequest("Messages are a list with at least one message.", param="messages")
    return Given(
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


def validate_storable(value: Any, *, param: str) -> None:
    """PostgreSQL stores neither NUL nor half a surrogate pair, and JSON knows neither NaN nor infinity.

    Raises InvalidRequest.
    """
    try:
        escaped = json.dumps(value, allow_nan=False)
    except (ValueError, TypeError, RecursionError):
        raise InvalidRequest(_NOT_JSON, param=param) from None
    if not any(start in escaped for start in _DOUBTFUL):
        return
    for text in inputs.texts_in(value):
        if storable(text) != text:
            raise InvalidRequest(_NOT_UNICODE, param=param)


def storable_json(value: Any) -> Any:
    """The value with all its texts `storable`."""
    match value:
        case str(text):
            return storable(text)
        case dict():
            return {storable(name): storable_json(inner) for name, inner in value.items()}
        case list():
            return [storable_json(inner) for inner in value]
    return value
