"""Reading a JSON body into a typed value, leniently: fields that the type does not have are skipped."""

from __future__ import annotations

import re
from itertools import accumulate
from typing import NoReturn, TypeVar

import msgspec

from ..errors import ApiError
from ..validation import NO_BODY

T = TypeVar("T")

MAX_DEPTH = 64
MAX_VALUES = 400_000
# Matches always and never backtracks, also where the closing quote is missing: linear in any body.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_MAX_PATH = 100
_MAX_PROBLEM = 150
"""Characters of what is said about a value, which may repeat it."""
_PATH = re.compile(r" - at `(?P<path>[^`]*)`\Z")
_FIELD = re.compile(r"(?:required|unknown) field `(?P<name>[^`]*)`")


def decode(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    """Raises ApiError("invalid_request"), with the path of the wrong field in `param`."""
    if not body:
        raise ApiError("invalid_request", NO_BODY)
    _require_shallow(body)
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        _refuse_value(str(error))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ApiError("invalid_request", f"The body is not valid JSON: {_sentence(str(error))}") from None


def _refuse_value(said: str) -> NoReturn:
    found = _PATH.search(said)
    path = found["path"].removeprefix("$").removeprefix(".")[:_MAX_PATH] if found else ""
    problem = said[: found.start()] if found else said
    if missing := _FIELD.search(problem):
        path = (f"{path}.{missing['name']}" if path else missing["name"])[:_MAX_PATH]
        raise ApiError("invalid_request", f"The field {path} is missing.", param=path) from None
    if not path:
        raise ApiError("invalid_request", f"The body is not valid: {_sentence(problem)}") from None
    raise ApiError(
        "invalid_request", f"The field {path} is not valid: {_sentence(problem)}", param=path
    ) from None


def _sentence(text: str) -> str:
    text = text[: _MAX_PROBLEM + 1].strip().rstrip(".").replace("`", "")
    if len(text) > _MAX_PROBLEM:
        text = f"{text[:_MAX_PROBLEM]}…"
    return f"{text[:1].lower()}{text[1:]}."


def _require_shallow(body: bytes) -> None:
    """Deep or endless lists fit into a body; as Python objects they would take seconds and much memory."""
    opened = body.count(b"[") + body.count(b"{")
    if opened <= MAX_DEPTH and opened + body.count(b",") <= MAX_VALUES:
        return
    skeleton = _STRING.sub(b"", body)
    if skeleton.count(b",") + skeleton.count(b"[") + skeleton.count(b"{") > MAX_VALUES:
        raise ApiError("invalid_request", f"The body holds too many values. Send {MAX_VALUES:,} at most.")
    if _depth(skeleton) > MAX_DEPTH:
        raise ApiError("invalid_request", f"The body is nested more than {MAX_DEPTH} levels deep.")


def _depth(skeleton: bytes) -> int:
    brackets = skeleton.translate(None, _NOT_BRACKETS)
    return max(accumulate(map(_STEPS.__getitem__, brackets)), default=0)
