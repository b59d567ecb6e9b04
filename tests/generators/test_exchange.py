from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings

from generators import exchange
from generators.desk_errors import Unreadable
from generators.models import Generator
from generators.recording import content_digest

from .rows import draft, published

pytestmark = pytest.mark.django_db
EXAMPLES = sorted(Path(settings.BASE_DIR, "docs", "examples").glob("*-v[0-9]*.json"))


def test_there_are_examples() -> None:
    assert EXAMPLES


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_example_is_written_as_it_is_exported(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    assert exchange.exported(exchange.read(text)) == text


def test_version_comes_back_as_it_was() -> None:
    row = published(
        system_prompt="One line",
        prompt_template="Two\nlines of {{물}}\n",
        input_schema={"type": "object", "properties": {"물": {}, "a": {"enum": ["[x]", {}, []]}}},
        output_kind="json",
        output_schema={"z": True, "a": 1.5},
        max_tokens=5,
        takes_messages=True,
    )

    again = exchange.read(exchange.exported(row))

    assert content_digest(again) == content_digest(row)
    assert (again.name, again.is_published) == ("form", False)


def test_only_what_is_said_is_in_the_file() -> None:
    assert exchange.exported(draft("plain")) == '{\n  "name": "plain"\n}\n'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "line 1, column 2"),
        ("[]", "with a name"),
        ('{"name": 5}', "with a name"),
        ('{"name": "form", "version": 3}', "no version"),
        ('{"name": "form", "is_active": true}', "no is_active"),
        ('{"name": "Form"}', "name: Small letters"),
        ('{"name": "form", "max_tokens": 0}', "max_tokens: "),
        ('{"name": "form", "prompt_template": ["{{#a}}", ""]}', "prompt_template: Line 1"),
        ('{"name": "form", "prompt_template": ["a", 5]}', "prompt_template: "),
        ('{"name": "form", "output_kind": "poem"}', "output_kind: "),
        ('{"name": "form", "description": "\\ud800"}', "JSON cannot hold"),
        ('{"name": "form", "description": "\\u0000"}', "description: "),
        ('{"name": "form", "input_schema": null}', "input_schema: "),
        ('{"name": "form", "input_schema": 5}', "input_schema: "),
        ('{"name": "form", "max_input_chars": "12"}', "max_input_chars: "),
        ('{"name": "form", "max_input_chars": 1.5}', "max_input_chars: "),
        ('{"name": "form", "max_tokens": true}', "max_tokens: "),
        ('{"name": "form", "takes_messages": "true"}', "takes_messages: "),
        ('{"name": "form", "fence_language": []}', "fence_language: "),
        ('{"name": "form", "temperature": "0.5"}', "temperature: "),
        ('{"name": "form", "name": "other"}', "“name” stands twice"),
    ],
)
def test_file_that_holds_no_generator_is_refused(text: str, told: str) -> None:
    with pytest.raises(Unreadable, match=told):
        exchange.read(text)

    assert not Generator.objects.filter(name__iexact="form").exists()


def test_version_that_says_the_same_is_found() -> None:
    published(system_prompt="a")
    second = draft(version=2, system_prompt="b")

    assert exchange.version_that_says(Generator(name="form", system_prompt="b")) == second
    assert exchange.version_that_says(Generator(name="form", system_prompt="c")) is None
    assert exchange.version_that_says(Generator(name="other", system_prompt="b")) is None
