"""A generator as a JSON file, to be kept beside the programs that use it and carried between installations.

It has the names of the model's fields, of which only `name` is needed. A long text may be a list of its
lines. The version is not in it: whoever takes a file in gives it the next one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from .checks import problems_of
from .definition import definition_of
from .desk_errors import Unreadable
from .json_text import read_json
from .models import Generator
from .recording import CONTENT_FIELDS, content_digest

_TEXTS = ("description", "system_prompt", "prompt_template")
_KINDS: Mapping[str, tuple[type, ...]] = {
    "takes_messages": (bool,),
    "output_kind": (str,),
    "fence_language": (str,),
    "allows_partial": (bool,),
    "max_input_chars": (int,),
    "max_output_chars": (int,),
    "max_tokens": (int, type(None)),
    "temperature": (int, float, type(None)),
}
"""What the model's fields would else make fit: "7", 7.5 and true become a number."""
_MOST_WIDTH = 110


def exported(generator: Generator) -> str:
    """What the version says, as far as it is not what every new one says."""
    plain = Generator()
    said = {name: getattr(generator, name) for name in CONTENT_FIELDS}
    told = {name: value for name, value in said.items() if value != getattr(plain, name)}
    lines = {name: _as_lines(value) if name in _TEXTS else value for name, value in told.items()}
    return _written({"name": generator.name} | lines) + "\n"


def read(text: str) -> Generator:
    """An unsaved row that could be published. Raises Unreadable."""
    try:
        told = read_json(text)
    except ValidationError as error:
        raise Unreadable(error.messages[0]) from error
    if not isinstance(told, Mapping) or not isinstance(told.get("name"), str):
        raise Unreadable(_("The file must be a JSON object with a name."))
    if unknown := sorted(told.keys() - {"name", *CONTENT_FIELDS}):
        raise Unreadable(_("A generator has no %(names)s.") % {"names": ", ".join(unknown)})
    if wrong := [name for name, kinds in _KINDS.items() if name in told and type(told[name]) not in kinds]:
        raise Unreadable(_("%(name)s: This is not the kind of value that it must be.") % {"name": wrong[0]})
    row = Generator(
        **{name: _as_text(name, value) if name in _TEXTS else value for name, value in told.items()}
    )
    _require_valid(row)
    return row


def version_that_says(row: Generator) -> Generator | None:
    """The latest version of the name that says the same already."""
    digest = content_digest(row)
    versions = Generator.objects.filter(name=row.name).order_by("-version")
    return next((each for each in versions if content_digest(each) == digest), None)


def _require_valid(row: Generator) -> None:
    """Raises Unreadable."""
    try:
        row.full_clean(exclude=["version"])
    except ValidationError as error:
        problems = [f"{name}: {' '.join(texts)}" for name, texts in error.message_dict.items()]
    else:
        problems = [f"{each.field}: {each.message}" for each in problems_of(definition_of(row))]
    if problems:
        raise Unreadable(" ".join(problems))


def _as_lines(text: str) -> str | list[str]:
    return text.split("\n") if "\n" in text else text


def _as_text(name: str, value: Any) -> str:
    """Raises Unreadable."""
    lines = value if isinstance(value, list) else [value]
    if not all(isinstance(line, str) and "\x00" not in line for line in lines):
        raise Unreadable(_("%(name)s: This must be a text, or a list of its lines.") % {"name": name})
    return "\n".join(lines)


def _written(value: Any, indent: str = "") -> str:
    """As json.dumps with an indent, but what fits into a line stands in one."""
    whole = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or (indent and len(indent) + len(whole) < _MOST_WIDTH):
        return whole
    inner = f"{indent}  "
    if isinstance(value, list):
        parts = [_written(each, inner) for each in value]
    else:
        parts = [
            f"{json.dumps(name, ensure_ascii=False)}: {_written(each, inner)}" for name, each in value.items()
        ]
    opening, closing = "[]" if isinstance(value, list) else "{}"
    return f"{opening}\n{inner}{f',{chr(10)}{inner}'.join(parts)}\n{indent}{closing}"
