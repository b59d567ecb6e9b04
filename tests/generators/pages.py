"""The admin's pages of generators as a test reads them."""

from __future__ import annotations

import json
import re
from typing import Any

from django.test import Client
from django.urls import reverse

from generators.models import Generator
from generators.recording import CONTENT_FIELDS, content_digest

PREFIX = "admin:generators_generator_"
PROMPT_SCHEMA = {
    "type": "object",
    "properties": {"prompt": {"type": "string"}},
    "required": ["prompt"],
    "additionalProperties": False,
}


def url(page: str, *arguments: Any) -> str:
    return reverse(f"{PREFIX}{page}", args=arguments)


def form_data(row: Generator | None = None, **values: Any) -> dict[str, Any]:
    """What a browser sends for the form of this row, or of a new one, with JSON where the form takes it."""
    row = row or Generator(name="form", input_schema=PROMPT_SCHEMA)
    said = {name: getattr(row, name) for name in ("name", *CONTENT_FIELDS)} | values
    data = {name: _sent(value) for name, value in said.items() if value not in (None, False)}
    return data | ({"seen": content_digest(row)} if row.pk else {})


def _sent(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, dict) else value


def confirm(client: Client, page: str, row: Generator, *, follow: bool = True, **more: Any) -> Any:
    """Agrees to what the page shows, as a person does who presses its button."""
    shown = client.get(url(page, row.pk))
    seen = re.search(r'name="seen" value="([^"]*)"', shown.content.decode())
    assert seen, shown.status_code
    return client.post(url(page, row.pk), {"seen": seen[1]} | more, follow=follow)


def messages(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]


def errors(response: Any) -> dict[str, list[str]]:
    """The form's errors by field; the page was answered without saving."""
    assert response.status_code == 200
    return dict(response.context["adminform"].form.errors)
