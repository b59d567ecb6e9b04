"""Publishing, choosing, retiring and bringing back, each agreed to on a page; drafting the next version."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.test import Client

from generators.models import Generator, State
from tests.people import user_with

from .pages import confirm, messages, url
from .rows import draft, published

pytestmark = pytest.mark.django_db


def states() -> dict[str, State]:
    return {row.public_name: row.state for row in Generator.objects.filter(name="form")}


def meanings(client: Client, page: str, row: Generator) -> list[tuple[str, str, str]]:
    shown = client.get(url(page, row.pk)).context["meanings"]
    return [(each.asked, each.before, each.after) for each in shown]


def buttons(client: Client, row: Generator) -> list[str]:
    html = client.get(url("change", row.pk)).content.decode()
    tools = html.partition('class="object-tools"')[2].partition("</ul>")[0]
    return re.findall(r">([^<>]+)</a>", tools)


@pytest.mark.parametrize(
    ("make", "offered"),
    [
        (draft, ["Publish", "Next version", "History"]),
        (published, ["Make current", "Retire", "Next version", "History"]),
        (lambda: published(is_current=True), ["Retire", "Next version", "History"]),
        (lambda: published(is_active=False), ["Bring back", "Next version", "History"]),
    ],
)
def test_form_offers_what_the_state_allows(
    admin_client: Client, make: Callable[[], Generator], offered: list[str]
) -> None:
    assert buttons(admin_client, make()) == offered


def test_first_version_is_published(admin_client: Client) -> None:
    row = draft()
    assert meanings(admin_client, "publish", row) == [
        ("form", "", "form-v1"),
        ("form-v1", "", "form-v1"),
    ]

    response = confirm(admin_client, "publish", row)

    assert messages(response) == ["“form-v1” is published."]
    assert states() == {"form-v1": State.CURRENT}


@pytest.mark.parametrize(("more", "state"), [({}, State.ACTIVE), ({"make_current": "1"}, State.CURRENT)])
def test_later_version_becomes_current_if_the_box_is_ticked(
    admin_client: Client, more: dict[str, str], state: State
) -> None:
    published(is_current=True)
    row = draft(version=2)

    confirm(admin_client, "publish", row, **more)

    assert states()["form-v2"] is state


def test_version_is_made_current(admin_client: Client) -> None:
    published(is_current=True)
    row = published(version=2)
    assert meanings(admin_client, "make_current", row)[0] == ("form", "form-v1", "form-v2")

    confirm(admin_client, "make_current", row)

    assert states() == {"form-v2": State.CURRENT, "form-v1": State.ACTIVE}


def test_version_retires_and_is_brought_back(admin_client: Client) -> None:
    published(is_current=True)
    row = published(version=2)
    assert meanings(admin_client, "retire", row) == [
        ("form", "form-v1", "form-v1"),
        ("form-v2", "form-v2", ""),
    ]

    confirm(admin_client, "retire", row)
    assert states()["form-v2"] is State.RETIRED
    confirm(admin_client, "restore", row)

    assert states()["form-v2"] is State.ACTIVE


def test_current_version_does_not_retire_beside_others(admin_client: Client) -> None:
    row = published(is_current=True)
    published(version=2)

    response = confirm(admin_client, "retire", row)

    assert "Make another one current before" in messages(response)[0]
    assert states()["form-v1"] is State.CURRENT


def test_retiring_the_default_says_what_that_means(admin_client: Client) -> None:
    row = Generator.objects.get(name="text", version=1)

    assert meanings(admin_client, "retire", row) == [
        ("text", "text-v1", ""),
        ("text-v1", "text-v1", ""),
        ("", "text-v1", ""),
    ]
    assert "no generator" in admin_client.get(url("retire", row.pk)).content.decode()


@pytest.mark.parametrize("page", ["publish", "make_current", "retire", "restore"])
def test_what_does_not_fit_the_state_sends_back(admin_client: Client, page: str) -> None:
    rows = {
        "publish": published(),
        "make_current": draft(version=2),
        "retire": draft(version=3),
        "restore": published(version=4),
    }

    response = admin_client.get(url(page, rows[page].pk), follow=True)

    assert "does not fit the state" in messages(response)[0]
    assert response.redirect_chain[0][0] == url("change", rows[page].pk)


def test_page_that_was_overtaken_changes_nothing(admin_client: Client) -> None:
    row = draft()
    shown = admin_client.get(url("publish", row.pk)).context["seen"]
    Generator.objects.filter(pk=row.pk).update(system_prompt="theirs")

    response = admin_client.post(url("publish", row.pk), {"seen": shown}, follow=True)

    assert "changed by somebody else" in messages(response)[0]
    assert states() == {"form-v1": State.DRAFT}


def test_draft_that_cannot_work_is_not_published(admin_client: Client) -> None:
    row = draft(prompt_template="{{#open}}")

    response = confirm(admin_client, "publish", row)

    assert "cannot work" in messages(response)[0]
    assert states() == {"form-v1": State.DRAFT}


def test_next_version_is_drafted(admin_client: Client) -> None:
    row = published(is_current=True, system_prompt="As always.")
    page = admin_client.get(url("next", row.pk))
    assert page.status_code == 200
    assert states() == {"form-v1": State.CURRENT}

    response = admin_client.post(url("next", row.pk), follow=True)

    drafted = Generator.objects.get(name="form", version=2)
    assert response.redirect_chain[0][0] == url("change", drafted.pk)
    assert drafted.system_prompt == "As always."


EDITOR = [f"generators.{each}_generator" for each in ("view", "add", "change", "delete")]


@pytest.mark.parametrize("page", ["publish", "make_current", "retire", "restore"])
def test_who_may_edit_does_not_publish(client: Client, page: str) -> None:
    row = draft()
    client.force_login(user_with(*EDITOR, is_staff=True))

    assert client.get(url(page, row.pk)).status_code == 403
    assert client.post(url(page, row.pk)).status_code == 403
    assert buttons(client, row) == ["Next version", "History"]


def test_who_may_publish_drafts_nothing(client: Client) -> None:
    row = draft()
    rights = ("generators.view_generator", "generators.publish_generator")
    client.force_login(user_with(*rights, is_staff=True))

    assert client.post(url("next", row.pk)).status_code == 403
    assert buttons(client, row) == ["Publish", "History"]
    assert confirm(client, "publish", row).status_code == 200
    assert states() == {"form-v1": State.CURRENT}
