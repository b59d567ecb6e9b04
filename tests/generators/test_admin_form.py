"""The form of a draft, and what is shown of a published version."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from audit.actions import Action
from generators.models import Generator
from generators.recording import CONTENT_FIELDS
from tests.audit import events
from tests.audit.events import the_event
from tests.people import user_with

from .pages import errors, form_data, messages, url
from .rows import draft, published

pytestmark = pytest.mark.django_db


def actions() -> list[str]:
    return [action for action in events.actions() if action.startswith("generator.")]


def the_draft(name: str = "form") -> Generator:
    return Generator.objects.get(name=name)


def test_draft_is_made_from_the_form(admin_client: Client) -> None:
    template = "Make {{prompt}}.\r\n"

    response = admin_client.post(url("add"), form_data(prompt_template=template, max_tokens=50), follow=True)

    assert response.status_code == 200
    row = the_draft()
    assert (row.public_name, row.is_published) == ("form-v1", False)
    assert (row.prompt_template, row.max_tokens) == ("Make {{prompt}}.\n", 50)
    assert the_event(Action.GENERATOR_CREATED).actor_name == "admin"


def test_new_form_holds_what_a_new_version_says(admin_client: Client) -> None:
    form = admin_client.get(url("add")).context["adminform"].form

    assert json.loads(form["input_schema"].value()) == Generator().input_schema
    assert form["prompt_template"].value() == "{{prompt}}"


def test_name_that_is_there_gets_its_next_version(admin_client: Client) -> None:
    published()

    admin_client.post(url("add"), form_data())

    assert [row.public_name for row in Generator.objects.filter(name="form")] == ["form-v2", "form-v1"]


def test_draft_is_changed_and_keeps_its_name(admin_client: Client) -> None:
    row = draft()

    admin_client.post(url("change", row.pk), form_data(row, name="other", system_prompt="Be brief."))

    assert (the_draft().name, the_draft().system_prompt) == ("form", "Be brief.")
    assert actions() == ["generator.changed"]


def test_saving_what_is_saved_changes_nothing(admin_client: Client) -> None:
    row = draft(output_kind="json", output_schema={"type": "object", "b": 1, "a": 2})

    admin_client.post(url("change", row.pk), form_data(row))

    assert actions() == []


def test_draft_that_was_changed_meanwhile_is_not_overwritten(admin_client: Client) -> None:
    row = draft()
    data = form_data(row, description="mine")
    Generator.objects.filter(pk=row.pk).update(description="theirs")

    response = admin_client.post(url("change", row.pk), data, follow=True)

    assert "changed by somebody else" in messages(response)[0]
    assert the_draft().description == "theirs"


def test_json_is_shown_as_it_is_written_and_in_its_order(admin_client: Client) -> None:
    schema = {"type": "object", "properties": {"물": {"type": "string"}, "a": {}}}
    row = draft(input_schema=schema, prompt_template="{{a}}")

    box = admin_client.get(url("change", row.pk)).context["adminform"].form["input_schema"]

    assert box.value() == json.dumps(schema, ensure_ascii=False, indent=2)


def test_json_that_cannot_be_read_is_told_with_its_place_and_kept(admin_client: Client) -> None:
    typed = '{\n  "type": "object",\n  "properties": {]\n}'

    response = admin_client.post(url("add"), form_data(input_schema=typed))

    assert "line 3, column 18" in errors(response)["input_schema"][0]
    assert "&quot;properties&quot;: {]" in response.content.decode()


@pytest.mark.parametrize(
    ("values", "field", "told"),
    [
        ({"input_schema": '{"type": "no-such"}'}, "input_schema", "no-such"),
        ({"input_schema": ""}, "input_schema", "required"),
        ({"input_schema": '{"a": NaN}'}, "input_schema", "cannot hold"),
        ({"input_schema": '{"a": "\\ud800"}'}, "input_schema", "cannot hold"),
        ({"prompt_template": "one\n{{#prompt}}"}, "prompt_template", "Line 2, column 1"),
        ({"prompt_template": "{{wrong}}"}, "prompt_template", "wrong"),
        ({"output_schema": '{"type": "object"}'}, "output_schema", "Only a JSON output"),
        ({"output_kind": "fenced"}, "fence_language", "has a language"),
        (
            {"output_kind": "json", "output_schema": '{"$ref": "http://x/"}'},
            "output_schema",
            "$ref: A reference points",
        ),
        ({"name": "Form"}, "name", "Small letters"),
        ({"name": "form-v2"}, "name", "version"),
        ({"temperature": "3"}, "temperature", "less than or equal"),
    ],
)
def test_what_cannot_work_is_told_at_its_field(
    admin_client: Client, values: dict[str, Any], field: str, told: str
) -> None:
    response = admin_client.post(url("add"), form_data(**values))

    assert told in " ".join(errors(response)[field])
    assert not Generator.objects.filter(name__iexact="form").exists()


def test_published_version_is_shown_and_has_no_fields(admin_client: Client) -> None:
    row = published(system_prompt="<b>Be brief.</b>", input_schema={"type": "object", "b": {}, "a": {}})

    response = admin_client.get(url("change", row.pk))

    html = response.content.decode()
    assert "&lt;b&gt;Be brief.&lt;/b&gt;" in html
    assert html.index("&quot;b&quot;") < html.index("&quot;a&quot;")
    assert not [name for name in ("_save", "name", *CONTENT_FIELDS) if f'name="{name}"' in html]


def test_published_version_is_not_changed_by_who_posts_all_the_same(admin_client: Client) -> None:
    row = published()

    response = admin_client.post(url("change", row.pk), form_data(row, system_prompt="other"))

    assert response.status_code == 403
    assert the_draft().system_prompt == ""


def test_draft_that_was_published_meanwhile_is_refused(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at the row and the service's own."""
    row = draft()
    data = form_data(row, system_prompt="other")
    monkeypatch.setattr(Generator, "is_published", False)
    Generator.objects.filter(pk=row.pk).update(published_at=row.created_at)

    with pytest.raises(Exception, match="never changes"):
        admin_client.post(url("change", row.pk), data)


def test_viewer_sees_a_draft_and_cannot_change_it(client: Client) -> None:
    row = draft(system_prompt="Be brief.")
    client.force_login(user_with("generators.view_generator", is_staff=True))

    html = client.get(url("change", row.pk)).content.decode()

    assert "Be brief." in html
    assert not [name for name in ("_save", "name", *CONTENT_FIELDS) if f'name="{name}"' in html]
    assert client.post(url("change", row.pk), form_data(row)).status_code == 403


def test_draft_is_deleted(admin_client: Client) -> None:
    row = draft()

    admin_client.post(url("delete", row.pk), {"post": "yes"})

    assert not Generator.objects.filter(pk=row.pk).exists()
    assert actions() == ["generator.deleted"]


def test_published_version_is_not_deleted_and_the_page_says_what_to_do(admin_client: Client) -> None:
    row, other = published(), draft(version=2)

    one = admin_client.post(url("delete", row.pk), {"post": "yes"})
    selected = {"action": "delete_selected", "_selected_action": [row.pk, other.pk], "post": "yes"}
    both = admin_client.post(url("changelist"), selected)

    assert (one.status_code, both.status_code) == (403, 200)
    assert "Retire them instead" in both.content.decode()
    assert Generator.objects.filter(name="form").count() == 2


def test_history_is_that_of_the_trail(admin_client: Client) -> None:
    admin_client.post(url("add"), form_data())

    html = admin_client.get(url("history", the_draft().pk)).content.decode()

    assert "Generator drafted" in html
