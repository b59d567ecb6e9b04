"""The main pages in a browser that runs no scripts."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page

from apikeys import issuing
from apikeys.models import ApiKey
from generation.accepting import submission
from generation.models import GenerationJob
from generation.requests import GenerationRequest
from llmconfigs.models import LLMConfig

from .conftest import Open
from .looking import expect
from .people import PASSWORD, make_user


@pytest.fixture
def sori() -> User:
    return make_user("sori", is_superuser=True)


@pytest.fixture
def page(open_window: Open, sori: User) -> Page:
    return open_window(sori, java_script_enabled=False).page


def activate(**options: object) -> None:
    LLMConfig.objects.create(name="Main", provider="dummy", options=options, is_active=True)


def submit(owner: User) -> GenerationJob:
    key = issuing.issue(name="Reports", scopes=["generate"], owner=owner).key
    return submission.submit(key=key, request=GenerationRequest(prompt="What is a tide?")).job


def test_login_and_logout(open_window: Open, sori: User) -> None:
    page = open_window(java_script_enabled=False).page
    page.goto("/admin/")
    page.get_by_label("Username").fill("sori")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page).to_have_url("/admin/")

    page.locator("details.menu summary").click()
    page.get_by_role("button", name="Log out").click()

    expect(page).to_have_url("/login/")


def test_start_page_shows_what_is_active_and_its_health(page: Page) -> None:
    activate()
    page.goto("/admin/")
    expect(page.locator(".desk-name")).to_have_text("Main")

    page.get_by_role("link", name="Check now").click()

    expect(page.locator(".health")).to_contain_text("s")


def test_conversation_goes_on(page: Page) -> None:
    activate(text="Water that moves.")
    page.goto("/playground/")
    for question in ("What is a tide?", "And why?"):
        page.locator("#message").fill(question)
        page.get_by_role("button", name="Send").click()
        expect(page.locator(".bubble-user .text").last).to_have_text(question)

    expect(page.locator(".bubble .text")).to_have_text(
        ["What is a tide?", "Water that moves.", "And why?", "Water that moves."]
    )


def test_jobs_are_filtered_and_cancelled(page: Page, sori: User) -> None:
    activate(text="word " * 1000, tokens_per_s=20)
    job = submit(sori)
    page.goto("/jobs/")
    page.locator("#status").select_option("completed")
    page.get_by_role("button", name="Filter").click()
    expect(page.locator("main")).to_contain_text("No jobs")
    page.goto("/jobs/")

    page.locator(f"#cancel-{job.pk}").click()

    expect(page.locator("#messages")).to_contain_text("The job is being cancelled.")


def test_key_is_made_and_revoked(page: Page) -> None:
    page.goto("/keys/")
    page.get_by_role("link", name="New key").click()
    page.get_by_label("Name").fill("Reports")
    page.get_by_role("button", name="Create key").click()
    expect(page.locator("#secret")).to_contain_text("co_")
    page.goto("/keys/")
    page.locator("summary[id^=revoke]").click()
    page.get_by_role("button", name="Revoke for good").click()

    expect(page.locator("#keys .badge")).to_have_text("Revoked")
    assert ApiKey.objects.get().is_revoked


def test_language_is_changed(page: Page) -> None:
    page.goto("/jobs/")
    page.get_by_role("button", name="한국어").click()

    expect(page.locator("html")).to_have_attribute("lang", "ko")
