"""From what the schema found wrong to a sentence that says what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MAX_PARAM = 100
NO_BODY = "The request needs a body: a JSON object."


@dataclass(frozen=True, slots=True)
class Problem:
    """`param` names the field as in messages[0].content; None where it is the body as a whole."""

    message: str
    param: str | None


def first_problem(errors: Sequence[Mapping[str, Any]]) -> Problem:
    """The first of pydantic's errors, whose `loc` begins with ninja's ("body", <argument>) or ("query",)."""
    error = errors[0]
    source, *path = error["loc"]
    if source == "body":
        path = path[1:]
    param = error.get("ctx", {}).get("param") or _joined(path)
    return Problem(_sentence(error, param), param)


def _joined(path: Sequence[str | int]) -> str | None:
    joined = ""
    for step in path:
        if isinstance(step, int):
            joined += f"[{step}]"
        elif not _is_tag(step):
            joined += f".{step}" if joined else step
    return joined[:MAX_PARAM] or None


def _is_tag(step: str) -> bool:
    """Not a name of the body: the tag of a union (see schemas.py), or pydantic's mark for a key."""
    return step.startswith("<") or step == "[key]"


def _sentence(error: Mapping[str, Any], param: str | None) -> str:
    if param is None:
        return _BODY.get(error["type"], f"The body is not valid: {_lowered(error['msg'])}.")
    if error["type"] == "one_of_three":
        return str(error["msg"])
    template = _FIELD.get(error["type"], "The field {param} is not valid: {problem}.")
    return template.format(param=param, problem=_lowered(error["msg"]))


def _lowered(message: str) -> str:
    message = message.rstrip(".")
    return message[:1].lower() + message[1:]


_BODY = {
    "missing": NO_BODY,
    "model_type": "The body must be a JSON object.",
    "model_attributes_type": "The body must be a JSON object.",
}
_FIELD = {
    "missing": "The field {param} is missing.",
    "extra_forbidden": "There is no field {param}. Remove it, or correct its name.",
    "dict_type": "The field {param} must be a JSON object.",
    "string_unicode": "The field {param} holds half of a surrogate pair, which is not valid Unicode text.",
}
