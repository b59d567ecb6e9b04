"""Reading a service's JSON, none of which can be trusted: every getter raises BadAnswer on a wrong type.

null and a missing key are the same thing here, as the services use them alike.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import msgspec

from ..errors import BadAnswer
from ..texts import Sentence, gettext_noop
from ..types import FinishReason, TokenUsage

MAX_COUNT = 10**9
"""More tokens than any answer has; a larger count would overflow where it is stored."""

_SHOWN = 200

_OBJECT = Sentence(gettext_noop("an object"))
_LIST = Sentence(gettext_noop("a list"))
_STRING = Sentence(gettext_noop("a text"))
_COUNT = Sentence(gettext_noop("a count"))


def parse_json(text: str | bytes) -> Any:
    try:
        return msgspec.json.decode(text)
    except (ValueError, RecursionError, msgspec.MsgspecError):
        return _parse_leniently(text)


def _parse_leniently(text: str | bytes) -> Any:
    """With what some services write although JSON has it not (NaN), and lone surrogates."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadAnswer(
            Sentence(
                gettext_noop("The provider's answer is not JSON (%(error)s): %(text)r"),
                error=str(error),
                text=text[:_SHOWN],
            )
        ) from error


def as_object(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _wrong_type(value, what, _OBJECT)
    return value


def as_list(value: Any, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise _wrong_type(value, what, _LIST)
    return value


def as_text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise _wrong_type(value, what, _STRING)
    return encodable(value)


def encodable(text: str) -> str:
    """With U+FFFD for each lone surrogate, which JSON can hold and UTF-8 cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def object_at(payload: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = payload.get(key)
    return {} if value is None else as_object(value, key)


def list_at(payload: Mapping[str, Any], key: str) -> list[Any]:
    value = payload.get(key)
    return [] if value is None else as_list(value, key)


def text_at(payload: Mapping[str, Any], key: str) -> str:
    value = payload.get(key)
    return "" if value is None else as_text(value, key)


def count_at(payload: Mapping[str, Any], key: str) -> int | None:
    value = payload.get(key)
    return None if value is None else as_count(value, key)


def as_count(value: Any, what: str) -> int:
    """A whole number from 0 to MAX_COUNT; 5.0 is one, too."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 <= value <= MAX_COUNT or value != int(value):
        raise _wrong_type(value, what, _COUNT)
    return int(value)


def usage_of(prompt_tokens: int | None, completion_tokens: int | None) -> TokenUsage | None:
    """None unless both are known: half a count would be taken for the whole."""
    if prompt_tokens is None or completion_tokens is None:
        return None
    return TokenUsage(prompt_tokens, completion_tokens)


def model_names(payload: Any, *, models_key: str, name_key: str) -> tuple[str, ...]:
    """The names, sorted, of the list of models that a body holds."""
    models = as_list(as_object(payload, "body").get(models_key), models_key)
    return tuple(sorted(as_text(as_object(model, "model").get(name_key), "model name") for model in models))


def arguments_of(value: Any) -> str:
    """A tool call's arguments as JSON text: some services send an object, some nothing if there are none."""
    if value is None:
        return ""
    if isinstance(value, dict):
        return encodable(json.dumps(value, ensure_ascii=False))
    return as_text(value, "arguments")


def new_call_id() -> str:
    """For a tool call that the service gave no id. Unique over all turns of a conversation."""
    return f"call_{uuid4().hex}"


def finish_reason_of(
    word: Any, known: Mapping[str, FinishReason], *, has_text: bool, has_calls: bool
) -> FinishReason:
    """The service's `word` for why it stopped.

    A word that is not known means STOP. No word at all is taken for STOP only where there is an answer; so
    is the claim of tool calls that are not there. Some services say "stop" beside tool calls.
    """
    reason = None if word in (None, "") else known.get(as_text(word, "finish reason"), FinishReason.STOP)
    if reason is FinishReason.TOOL_CALLS and not has_calls:
        reason = None
    if reason is None and not (has_text or has_calls):
        raise BadAnswer(
            Sentence(
                gettext_noop(
                    "The provider's answer holds neither text nor tool calls, and no reason for that."
                )
            )
        )
    if reason is None or reason is FinishReason.STOP:
        return FinishReason.TOOL_CALLS if has_calls else FinishReason.STOP
    return reason


def _wrong_type(value: Any, what: str, wanted: Sentence) -> BadAnswer:
    text = gettext_noop("The provider's answer has no usable %(what)s: %(value)s is not %(wanted)s.")
    return BadAnswer(Sentence(text, what=what, value=repr(value)[:_SHOWN], wanted=wanted))
