"""What the audit trail is told of a generator.

Short values as they are. Of prompts, templates, schemas and descriptions only a digest: they are long, may be
changed many times a day while somebody tries things out, and the text itself stays in the row, which is never
changed once it is published. So the trail proves which text was published, and does not hold it.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from audit.trail import Subject

from .models import Generator

CONTENT_FIELDS = (
    "description", "system_prompt", "prompt_template", "input_schema", "takes_messages", "output_kind",
    "output_schema", "fence_language", "allows_partial", "max_input_chars", "max_output_chars", "max_tokens",
    "temperature",
)  # fmt: skip
"""What a version says; with its name and number it is all that a published row can never change."""
_TEXT_FIELDS = ("description", "system_prompt", "prompt_template", "input_schema", "output_schema")


def subject_of(generator: Generator) -> Subject:
    return Subject("generator", str(generator.pk), generator.public_name)


def content_digest(generator: Generator) -> str:
    """Of all that it says: the same for two versions that do the same."""
    return _digest(_text_of({name: getattr(generator, name) for name in CONTENT_FIELDS}))


def contents_of(generator: Generator) -> dict[str, Any]:
    values = {name: _shown(name, getattr(generator, name)) for name in CONTENT_FIELDS}
    return {"content": content_digest(generator), "values": values}


def changes_between(before: Generator, after: Generator) -> dict[str, Any]:
    """{name: {"from": …, "to": …}} of what differs."""
    return {
        name: {"from": _shown(name, getattr(before, name)), "to": _shown(name, getattr(after, name))}
        for name in CONTENT_FIELDS
        if _text_of(getattr(before, name)) != _text_of(getattr(after, name))
    }


def _shown(name: str, value: Any) -> Any:
    if name not in _TEXT_FIELDS:
        return value
    return _digest(_text_of(value)) if value not in ("", None) else ""


def _text_of(value: Any) -> str:
    """With the order of a schema's names, since models follow it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _digest(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
