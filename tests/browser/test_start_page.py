"""The administrator's start page, as it moves."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from apikeys import issuing
from apikeys.models import ApiKey
from llmconfigs.models import LLMConfig
from tests.generation.jobs import queue_job
from tests.usage.entries import entry
from usage import records
from usage.entries import Outcome

from .conftest import Open
from .judging import assert_accessible, assert_fits
from .looking import PHONE, expect
from .people import make_user
from .pictures import take

LATER_MS = 11_000
"""The page asks for its parts anew every ten seconds."""

LABELS_STANDING_OUT = """
    [...document.querySelectorAll(".chart-picture text")].filter(label => {
        const [inner, outer] = [label, label.ownerSVGElement].map(each => each.getBoundingClientRect());
        return inner.left < outer.left || inner.right > outer.right || inner.bottom > outer.bottom;
    }).map(label => label.textContent)
"""


@pytest.fixture
def viewer() -> User:
    return make_user("sori", groups=("Viewer", "Auditor"))


@pytest.fixture
def key() -> ApiKey:
    return issuing.issue(name="Reports", scopes=["generate"]).key


def use(key: ApiKey) -> None:
    """For a day, with failures, each hour more and slower than the one before."""
    now = timezone.now()
    records.store(
        [
            entry(
                key,
                at=now - timedelta(hours=hours, minutes=number),
                outcome=Outcome.FAILED if number % 7 == 6 else Outcome.COMPLETED,
                prompt_tokens=12_000,
                completion_tokens=3_400,
                duration_s=0.02 * (24 - hours) * (number + 1),
            )
            for hours in range(24)
            for number in range(24 - hours)
        ]
    )


def test_page_shows_what_goes_on(open_window: Open, viewer: User, key: ApiKey) -> None:
    LLMConfig.objects.create(name="Main", provider="dummy", is_active=True)
    use(key)
    page = open_window(viewer).page
    page.goto("/admin/")

    expect(page.locator(".desk-name")).to_have_text("Main")
    expect(page.locator(".health .badge")).to_have_text("Well")
    expect(page.locator(".desk-processes tbody tr")).to_have_count(1)
    expect(page.get_by_text("All up to date")).to_be_visible()
    assert page.evaluate(LABELS_STANDING_OUT) == []
    assert_accessible(page)
    assert_fits(page, PHONE["width"])
    take(page, "start")


def test_page_moves_by_itself_and_keeps_what_is_unfolded(
    open_window: Open, viewer: User, key: ApiKey
) -> None:
    page = open_window(viewer).page
    page.clock.install()
    page.goto("/admin/")
    page.locator(".chart-table summary").first.click()
    queued = page.locator(".figures dd").first
    expect(queued).to_have_text("0")

    queue_job(key, run_after=timezone.now() + timedelta(hours=1))
    page.clock.fast_forward(LATER_MS)

    expect(queued).to_have_text("1")
    expect(page.locator(".chart-table").first).to_have_attribute("open", "")


def test_page_says_once_that_it_is_stale(open_window: Open, viewer: User) -> None:
    visit = open_window(viewer)
    for seen in ("status of 503", "answer 503", "Error Code 503 from /admin/desk/"):
        visit.watch.expect(seen)
    page, toasts = visit.page, visit.page.locator("#toasts .message")
    page.clock.install()
    page.goto("/admin/")
    visit.context.route("**/admin/desk/", lambda route: route.fulfill(status=503, body="Sorry"))

    for _ in range(2):
        with page.expect_response("**/admin/desk/"):
            page.clock.fast_forward(LATER_MS)
        expect(toasts).to_have_count(1)
    visit.context.unroute("**/admin/desk/")
    page.clock.fast_forward(LATER_MS)

    expect(toasts).to_have_count(0)


def test_staff_without_a_group_are_told_what_to_do(open_window: Open) -> None:
    page = open_window(make_user("newcomer")).page
    page.goto("/admin/")

    expect(page.locator("main")).to_contain_text("You are staff, but in no group.")
    assert_accessible(page)
