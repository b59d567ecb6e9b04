"""The playground, jobs and keys, as their scripts show them."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from apikeys import issuing
from generation.accepting import submission
from generation.models import GenerationJob
from generation.requests import GenerationRequest
from llmconfigs.models import LLMConfig

from .conftest import Open
from .judging import assert_accessible, assert_fits
from .looking import PHONE, expect
from .people import make_user

USE, CREATE = "generation.use_playground", "apikeys.add_own_apikey"
EVIL = "<script>document.title='evil'</script><img src=x onerror=\"document.title='evil'\">"


@pytest.fixture
def mina() -> User:
    return make_user("mina", USE, CREATE, is_staff=False)


def activate(**options: Any) -> None:
    LLMConfig.objects.create(name="Main", provider="dummy", options=options, is_active=True)


def submit(owner: User) -> GenerationJob:
    key = issuing.issue(name="Reports", scopes=["generate"], owner=owner).key
    return submission.submit(key=key, request=GenerationRequest(prompt="What is a tide?")).job


def test_answer_streams_and_the_conversation_goes_on(open_window: Open, mina: User) -> None:
    activate(text="Water that moves.", tokens_per_s=20)
    page = open_window(mina).page
    page.goto("/playground/")

    for number, question in enumerate(("What is a tide?", "And why?")):
        page.fill("#message", question)
        page.keyboard.press("Enter")
        expect(page.locator(".bubble-model").nth(number)).to_contain_text("tokens")
        # No other message is taken before that.
        expect(page.locator("#status")).to_have_text("The answer is complete.")

    expect(page.locator(".bubble .text")).to_have_text(
        ["What is a tide?", "Water that moves.", "And why?", "Water that moves."]
    )
    expect(page.locator("#message")).to_be_focused()
    assert_accessible(page)


def test_stop_keeps_what_has_come(open_window: Open, mina: User) -> None:
    activate(text="word " * 1000, tokens_per_s=20)
    page = open_window(mina).page
    page.goto("/playground/")
    page.fill("#message", "Go on for ever")
    page.click("#send")
    expect(page.locator(".bubble-model .text")).to_contain_text("word")

    page.click("#stop")

    expect(page.locator("[data-note]")).to_have_text("Stopped.")
    expect(page.locator("#send")).to_be_visible()
    expect(page.locator("#message")).to_be_focused()


def test_what_a_model_writes_is_text(open_window: Open, mina: User) -> None:
    activate(text=EVIL)
    page = open_window(mina).page
    page.goto("/playground/")
    page.fill("#message", EVIL)
    page.click("#send")

    expect(page.locator(".bubble .text")).to_have_text([EVIL, EVIL])
    assert "evil" not in page.title()


def test_failure_is_told_and_the_message_comes_back(open_window: Open, mina: User) -> None:
    activate(fail="bad_answer")
    visit = open_window(mina)
    visit.watch.expect("console error: .* status of 502")
    visit.watch.expect("answer 502")
    page = visit.page
    page.goto("/playground/")
    page.fill("#message", "What is a tide?")
    page.click("#send")

    expect(page.locator(".bubble-error")).to_have_text("The text could not be generated. Try again.")
    expect(page.locator("#message")).to_have_value("What is a tide?")


def test_staff_see_two_answers_beside_each_other(open_window: Open) -> None:
    activate(text="From the active one.", tokens_per_s=20)
    LLMConfig.objects.create(name="Other", provider="dummy", options={"text": "From the other."})
    page = open_window(make_user("oskar", USE, "llmconfigs.view_llmconfig")).page
    page.goto("/playground/")
    page.select_option("#config", label="Other")
    page.fill("#message", "Who?")
    page.click("#send")

    expect(page.locator("[data-title]")).to_have_text(["Active: Main", "Other"])
    expect(page.locator(".bubble-model .text")).to_have_text(["From the active one.", "From the other."])
    assert_accessible(page)


def test_job_moves_until_it_is_complete(open_window: Open, mina: User) -> None:
    activate(text="Water that moves, twice a day, up and down.", tokens_per_s=5)
    job = submit(mina)
    page = open_window(mina).page
    page.goto(f"/jobs/{job.pk}/")

    expect(page.locator("[data-text]")).to_contain_text("Water")
    expect(page.locator("#job")).to_have_attribute("data-status", "completed")
    expect(page.locator("[data-text]")).to_have_text("Water that moves, twice a day, up and down.")
    assert_accessible(page)


def test_list_of_jobs_moves_and_cancels(open_window: Open, mina: User) -> None:
    activate(text="word " * 1000, tokens_per_s=20)
    page = open_window(mina, viewport=PHONE).page
    page.goto("/jobs/")
    job = submit(mina)

    expect(page.locator(f"#job-{job.pk}")).to_be_visible()
    page.click(f"#cancel-{job.pk}")

    expect(page.locator("#messages")).to_have_text("The job is being cancelled.")
    expect(page.locator("#jobs .badge")).to_have_text("Cancelled")
    assert_fits(page, PHONE["width"])
    assert_accessible(page)


def test_key_is_made_and_revoked(open_window: Open, mina: User) -> None:
    page = open_window(mina).page
    page.goto("/keys/")
    page.click("text=New key")
    page.fill("[name=name]", "Reports")
    page.click("text=Create key")
    expect(page.locator("#secret")).to_contain_text("co_")
    page.goto("/keys/")
    page.click("summary[id^=revoke]")
    page.click("text=Revoke for good")

    expect(page.locator("#keys .badge")).to_have_text("Revoked")
    expect(page.locator("#messages")).to_have_text("The key “Reports” is revoked.")
    assert_accessible(page)
