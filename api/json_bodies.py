"""Reading a JSON body strictly: what two parsers could read in two ways is refused."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from typing import Any, NoReturn

from django.utils.http import parse_header_parameters

from .errors import ApiError

MAX_DIGITS = 20
MAX_VALUES = 400_000
# Matches always and never backtracks, also where the closing quote is missing: linear in any body.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)


def parse(body: bytes) -> Any:
    """The value of a JSON text in UTF-8. Raises ApiError for duplicate names, NaN and endless numbers too."""
    _require_few_values(body)
    try:
        return _decoder.decode(body.decode())
    except UnicodeDecodeError:
        _refuse("The body is not UTF-8 text.")
    except RecursionError:
        _refuse("The body is nested too deeply.")
    except json.JSONDecodeError as error:
        _refuse(f"The body is not valid JSON: {error.msg} (line {error.lineno}, column {error.colno}).")


def require_json(content_type: str) -> None:
    """Raises ApiError for a Content-Type that is not JSON in UTF-8."""
    kind, parameters = parse_header_parameters(content_type)
    charset = parameters.get("charset", "utf-8").lower()
    is_json = kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))
    if not is_json or charset not in ("utf-8", "utf8"):
        raise ApiError(
            "invalid_request",
            'Send the body as JSON in UTF-8, with the header "Content-Type: application/json".',
            param="Content-Type",
        )


def _require_few_values(body: bytes) -> None:
    """Millions of empty lists fit into a body; as Python objects they would take seconds and much memory."""
    if _marks(body) > MAX_VALUES and _marks(_STRING.sub(b"", body)) > MAX_VALUES:
        _refuse("The body holds too many values.")


def _marks(text: bytes) -> int:
    return text.count(b",") + text.count(b"[") + text.count(b"{")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = dict(pairs)
    if len(names) != len(pairs):
        twice, _ = Counter(name for name, _value in pairs).most_common(1)[0]
        raise ApiError(
            "invalid_request", "A name stands twice in the same JSON object. Keep one.", param=twice[:100]
        )
    return names


def _whole_number(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        _refuse(f"A number in the body has more than {MAX_DIGITS} digits.")
    return int(digits)


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        _refuse("A number in the body is too large.")
    return number


def _constant(name: str) -> NoReturn:
    _refuse(f"The body is not valid JSON: {name} is not a JSON number.")


def _refuse(message: str) -> NoReturn:
    raise ApiError("invalid_request", message) from None


_decoder = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_whole_number, parse_float=_number, parse_constant=_constant
)
