"""Logging in and out, by keyboard alone too; the language and the colours, which stay as one has set them."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page

from .conftest import Open
from .judging import assert_accessible, assert_fits
from .looking import PHONE, Chromium, expect, tab_to
from .people import PASSWORD, make_user
from .pictures import take

ELSEWHERE = ["//192.0.2.1/", "/\\192.0.2.1/", "https:192.0.2.1", "\t//192.0.2.1", "javascript:alert(1)"]


@pytest.fixture
def sori() -> User:
    return make_user("sori", is_superuser=True)


def log_in(page: Page, name: str, password: str = PASSWORD) -> None:
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


def test_keyboard_alone_logs_in_and_out(open_window: Open, sori: User) -> None:
    page = open_window().page
    page.goto("/admin/llmconfigs/llmconfig/")
    take(page, "login")

    expect(page.get_by_label("Username")).to_be_focused()
    page.keyboard.type("sori")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page).to_have_url("/admin/llmconfigs/llmconfig/")
    tab_to(page, "sori")
    page.keyboard.press("Enter")
    tab_to(page, "Log out")
    page.keyboard.press("Enter")

    expect(page).to_have_url("/login/")
    page.goto("/admin/")
    expect(page).to_have_url("/login/?next=/admin/")


def test_first_tab_leads_past_what_every_page_begins_with(open_window: Open, sori: User) -> None:
    page = open_window(sori).page
    page.goto("/jobs/")

    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Skip to main content")
    page.keyboard.press("Enter")

    expect(page.locator("main")).to_be_focused()


def test_wrong_password_is_told_and_the_name_kept(open_window: Open, sori: User) -> None:
    page = open_window().page
    page.goto("/login/")
    log_in(page, "sori", "a-wrong-one")

    expect(page.locator("main")).to_contain_text("Please enter a correct username and password")
    expect(page.get_by_label("Username")).to_have_value("sori")
    expect(page.get_by_label("Password")).to_have_value("")
    assert_accessible(page)
    assert_fits(page, PHONE["width"])


@pytest.mark.parametrize("target", ELSEWHERE)
def test_login_leads_nobody_elsewhere(open_window: Open, sori: User, chromium: Chromium, target: str) -> None:
    page = open_window().page
    page.goto("/login/")
    page.evaluate("target => { document.querySelector('[name=next]').value = target }", target)
    log_in(page, "sori")

    expect(page).to_have_url("/admin/")


def test_language_stays_as_it_was_set(open_window: Open, sori: User) -> None:
    page = open_window(sori).page
    page.goto("/jobs/?status=failed")

    page.get_by_role("button", name="한국어").click()
    expect(page.locator("html")).to_have_attribute("lang", "ko")
    expect(page).to_have_url("/jobs/?status=failed")
    for address in ("/jobs/", "/keys/", "/playground/", "/admin/", "/admin/llmconfigs/llmconfig/add/"):
        page.goto(address)
        expect(page.locator("html")).to_have_attribute("lang", "ko")
        assert_fits(page, PHONE["width"])
        take(page, f"ko{address.rstrip('/').replace('/', '-')}")
    page.get_by_role("button", name="English").click()

    expect(page.locator("html")).to_have_attribute("lang", "en")


def test_language_is_at_first_the_browsers(open_window: Open) -> None:
    page = open_window(locale="ko-KR").page
    page.goto("/login/")

    expect(page.get_by_role("button", name="로그인")).to_be_visible()
    assert_accessible(page)
    take(page, "ko-login")


def test_colours_are_the_systems_until_they_are_set(open_window: Open, sori: User) -> None:
    page = open_window(sori, color_scheme="dark").page
    page.goto("/jobs/")
    body, toggle = page.locator("body"), page.locator(".theme-toggle")
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")

    toggle.click()
    expect(body).not_to_have_css("background-color", dark)
    toggle.click()
    expect(body).to_have_css("background-color", dark)
    page.emulate_media(color_scheme="light")
    page.goto("/admin/")

    expect(body).to_have_css("background-color", dark)
    assert_accessible(page)


@pytest.mark.parametrize("address", ["/no/such/page", "/admin/no/such/page"])
def test_missing_page_leads_back(open_window: Open, sori: User, address: str) -> None:
    visit = open_window(sori)
    visit.watch.expect("status of 404")
    visit.page.goto(address)

    assert_accessible(visit.page)
    take(visit.page, "missing")
    visit.page.get_by_role("link", name="Changeover").click()
    expect(visit.page).to_have_url("/admin/")


def test_who_is_no_staff_is_told_so(open_window: Open) -> None:
    visit = open_window(make_user("clerk", is_staff=False))
    visit.watch.expect("status of 403")
    visit.page.goto("/admin/")

    expect(visit.page.locator("main")).to_contain_text("These pages are for staff.")
    assert_accessible(visit.page)
    take(visit.page, "forbidden")
