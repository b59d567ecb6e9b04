from __future__ import annotations

import io
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from audit.actions import Action
from generators.models import Generator, State
from tests.audit.events import actions, the_event

from .rows import draft, published

pytestmark = pytest.mark.django_db
FORM = "docs/examples/form-v1.json"


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("generators", *arguments, stdout=out, no_color=True)
    return out.getvalue()


def test_file_becomes_a_draft_and_is_told_to_the_trail() -> None:
    assert run("import", FORM) == "form-v1 is a draft. No client can name it yet.\n"

    assert Generator.objects.get(name="form").state is State.DRAFT
    assert the_event(Action.GENERATOR_CREATED).actor_name.startswith("manage.py generators import")


def test_file_that_is_there_already_changes_nothing() -> None:
    run("import", FORM)

    assert run("import", FORM) == "form-v1 says that already. Nothing was changed.\n"

    assert actions() == ["generator.created"]


def test_export_writes_the_file() -> None:
    run("import", FORM)

    assert run("export", "form-v1") == Path(FORM).read_text(encoding="utf-8")


def test_file_is_read_from_the_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO('{"name": "plain"}'))

    assert "plain-v1 is a draft" in run("import", "-")


def test_draft_is_published() -> None:
    published("other", is_current=True)
    draft("other", 2)
    draft("form")

    assert run("publish", "form-v1") == "form-v1 is published, and “form” means it.\n"
    assert run("publish", "other-v2") == "other-v2 is published.\n"
    draft("other", 3)
    assert "means it" in run("publish", "other-v3", "--make-current")


def test_list_shows_names_and_states() -> None:
    published(is_current=True, output_kind="json")
    draft(version=2)

    lines = run("list").splitlines()

    assert lines[0].split() == ["NAME", "STATE", "OUTPUT"]
    assert ["form-v2", "draft", "text"] in [line.split() for line in lines]
    assert ["form-v1", "current", "json"] in [line.split() for line in lines]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("export", "form-v1"), "no version 'form-v1'"),
        (("export", "form"), "no version 'form'"),
        (("publish", "form-v9"), "no version 'form-v9'"),
        (("import", "no-such-file.json"), "cannot be read"),
        (("import", "README.md"), "not valid JSON"),
        (("publish", "done-v1"), "is published, so"),
    ],
)
def test_what_cannot_be_done_is_an_error_of_the_command(arguments: tuple[str, str], told: str) -> None:
    published("done")

    with pytest.raises(CommandError, match=told):
        run(*arguments)
