"""The audit trail in the admin, and the login that was tried too often."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from audit import keys, trail
from audit.actions import Action
from audit.context import Actor, Origin, acting
from audit.exports import verify_export
from audit.history import history_url
from audit.trail import Subject

from .conftest import Open
from .judging import assert_accessible, assert_fits
from .looking import PHONE, expect
from .people import make_user
from .pictures import take

LIST = "/admin/audit/auditevent/"
VIEW, EXPORT = "audit.view_auditevent", "audit.export_auditevent"


@pytest.fixture
def changed() -> str:
    """A number that no other test has, of a configuration that was made and changed."""
    subject = Subject("llmconfig", "4711", "Llama 3 <b>70B</b>")
    changes: dict[str, Any] = {
        "temperature": {"from": 0.2, "to": 0.7},
        "system_prompt": {"from": "", "to": "You are a helpful clerk. " * 12},
        "api_key": "changed",
    }
    with acting(Origin(Actor(7, "kim"), "192.0.2.7", "request-1")), transaction.atomic():
        trail.record(Action.CONFIG_CREATED, subject)
        trail.record(
            Action.CONFIG_CHANGED, subject, details={"changes": changes, "reason": "Answers too dull"}
        )
    return subject.id


def test_list_leads_to_an_event_and_to_the_history_of_its_object(open_window: Open, changed: str) -> None:
    page = open_window(make_user("auditor", VIEW, EXPORT)).page
    page.goto(LIST)
    assert_accessible(page)
    take(page, "audit-list")

    page.click("text=Llama 3 <b>70B</b> >> nth=0")
    expect(page).to_have_url(f"{page.url.partition('/admin')[0]}{history_url('llmconfig', changed)}")
    page.click("#result_list tbody th a >> nth=0")

    expect(page.locator("text=History of this object")).to_be_visible()
    expect(page.locator("table.changes tbody tr")).to_have_count(3)
    expect(page.locator("table.changes")).to_contain_text("a secret is not shown")
    assert_accessible(page)
    take(page, "audit-event")


def test_list_is_narrowed_to_a_period_and_exported(open_window: Open, changed: str, tmp_path: Path) -> None:
    page = open_window(make_user("auditor", VIEW, EXPORT)).page
    page.goto(f"{LIST}?actor=kim")
    page.fill("form.period [name=since]", "2020-01-01")
    page.click("form.period button")
    expect(page).to_have_url(re.compile("actor=kim.*since=2020-01-01|since=2020-01-01.*actor=kim"))

    with page.expect_download() as download:
        page.click("text=Export this period")
    download.value.save_as(tmp_path / "export")

    with (tmp_path / "export").open("rb") as lines:
        assert verify_export(lines, keys.trusted()).faults == []


def test_list_fits_a_phone(open_window: Open, changed: str) -> None:
    page = open_window(make_user("auditor", VIEW, EXPORT), viewport=PHONE).page
    page.goto(LIST)

    assert_fits(page, PHONE["width"])
    expect(page.locator("text=Export all")).to_be_visible()


def test_login_that_failed_too_often_says_when_to_come_back(open_window: Open) -> None:
    visit = open_window()
    visit.watch.expect("console error: .* status of 429")
    page = visit.page
    for told in [*["Please enter a correct"] * 4, "nobody can log in from here for 15 minutes"]:
        page.goto("/login/")
        page.fill("[name=username]", "nobody-at-all")
        page.fill("[name=password]", "wrong")
        page.click("main button")
        expect(page.locator("main")).to_contain_text(told)

    assert_accessible(page)
    take(page, "locked-out")
