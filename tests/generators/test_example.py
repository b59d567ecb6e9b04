"""The example of docs/generators.md, as far as no model is needed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.conf import settings

from generators import exchange, inputs
from generators.asking import Given, first_request
from generators.definition import Definition, definition_of

pytestmark = pytest.mark.django_db
DOCS = Path(settings.BASE_DIR, "docs")
INPUT = json.loads((DOCS / "examples" / "customer.json").read_text(encoding="utf-8"))["input"]


@pytest.fixture
def form() -> Definition:
    return definition_of(exchange.read((DOCS / "examples" / "form-v1.json").read_text(encoding="utf-8")))


def test_prompt_is_the_one_that_the_page_shows(form: Definition) -> None:
    inputs.check(form, INPUT)

    *_, prompt = first_request(form, Given(input=INPUT), ()).messages

    assert f"```text\n{prompt.text}\n```" in (DOCS / "generators.md").read_text(encoding="utf-8")


def test_language_of_the_labels_is_in_the_prompt_if_it_is_given(form: Definition) -> None:
    *_, prompt = first_request(form, Given(input=INPUT | {"language": "Korean"}), ()).messages

    assert "what a person reads, in Korean." in prompt.text
