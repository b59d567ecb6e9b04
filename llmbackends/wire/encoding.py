"""What the languages share in writing a request."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..errors import UnsupportedFeature
from ..texts import Sentence, gettext_noop
from ..types import Message, Sampling, ToolCall


def renamed(sampling: Sampling, names: Mapping[str, str]) -> dict[str, Any]:
    """The given parameters by the language's own `names`; one without a name is unknown to the language."""
    return {
        names[name]: list(value) if isinstance(value, tuple) else value
        for name, value in sampling.given().items()
        if name in names
    }


def refuse_images(message: Message) -> None:
    """For a message in which the language takes no images. Raises UnsupportedFeature."""
    if message.has_images:
        raise UnsupportedFeature(
            Sentence(
                gettext_noop("This provider takes no images in a message of the role %(role)r."),
                role=message.role,
            )
        )


def text_only(message: Message) -> str:
    refuse_images(message)
    return message.text


def arguments_object(call: ToolCall) -> dict[str, Any]:
    """The arguments for a language that wants an object.

    What a model wrote need not be one. It is wrapped then, so that the conversation goes on and the model
    sees what it wrote.
    """
    if not call.arguments.strip():
        return {}
    try:
        value = json.loads(call.arguments)
    except (ValueError, RecursionError):
        value = None
    return value if isinstance(value, dict) else {"invalid_json": call.arguments}
