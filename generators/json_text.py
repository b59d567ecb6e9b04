"""JSON that people write and read."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _


def written(value: Any) -> str:
    """With line breaks, and names in their order."""
    return json.dumps(value, ensure_ascii=False, indent=2)


def read_json(text: str) -> Any:
    """Raises ValidationError with the line and the place in it where the text ceases to be JSON."""
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_refuse_constant)
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
        return value
    except json.JSONDecodeError as error:
        place = {"line": error.lineno, "column": error.colno}
        told = _("This is not valid JSON. It goes wrong at line %(line)d, column %(column)d.") % place
        raise ValidationError(told, code="invalid") from error
    except RecursionError as error:
        raise ValidationError(_("This is nested too deeply."), code="invalid") from error
    except ValueError as error:
        told = _("This holds a number or a character that JSON cannot hold.")
        raise ValidationError(told, code="invalid") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of two values of a name one would be lost without a word."""
    names = dict(pairs)
    if len(names) != len(pairs):
        twice, _count = Counter(name for name, _value in pairs).most_common(1)[0]
        told = _("The name “%(name)s” stands twice in one object.") % {"name": twice[:60]}
        raise ValidationError(told, code="invalid")
    return names


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)  # NaN and Infinity, which Python alone takes for JSON
