"""Writing a generator, trying it out unsaved, publishing it: as a person does it."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page

from generators.models import Generator, State
from llmconfigs.models import LLMConfig
from tests.api.frontdoor import upstream
from tests.llmbackends import faults

from .conftest import Open
from .judging import assert_accessible, assert_fits
from .looking import PHONE, expect
from .people import make_user
from .pictures import take

LIST = "/admin/generators/generator/"
EVIL = "<script>document.title='evil'</script><img src=x onerror=\"document.title='evil'\">"
TITLE = '{"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]}'


@pytest.fixture
def operator() -> User:
    return make_user("olga", groups=("Operator",))


def activate(**options: Any) -> None:
    LLMConfig.objects.create(name="Main", provider="dummy", options=options, is_active=True)


def open_form(page: Page, *, name: str = "tides", sample: str = '{"prompt": "the sea"}') -> None:
    page.goto(f"{LIST}add/")
    page.locator("[name=name]").fill(name)
    page.locator("#sample").fill(sample)


def try_it(page: Page) -> None:
    page.get_by_role("button", name="Try", exact=True).click()


def test_generator_is_written_tried_published_and_followed_by_the_next(
    open_window: Open, operator: User
) -> None:
    activate(text="Water that moves.", tokens_per_s=20)
    page = open_window(operator).page
    open_form(page)
    page.locator("[name=prompt_template]").fill("Tell of {{prompt}}.")

    try_it(page)
    expect(page.locator("#tryout-live")).to_contain_text("Water")
    expect(page.locator("#tryout-result")).to_contain_text("The answer fits.")
    expect(page.locator("#tryout-live")).to_be_hidden()
    expect(page.locator("#tryout-go")).to_be_focused()
    page.locator("#asked summary").click()
    expect(page.locator("#asked")).to_contain_text("Tell of the sea.")
    take(page, "generators-tried")
    assert_accessible(page)

    page.locator("input[name=_continue]").click()
    page.get_by_role("link", name="Publish").click()
    take(page, "generators-publish")
    assert_accessible(page)
    page.get_by_role("button", name="Publish").click()
    expect(page.locator(".messagelist")).to_contain_text("“tides-v1” is published.")
    take(page, "generators-published")
    page.get_by_role("link", name="Next version").click()
    page.get_by_role("button", name="Draft the next version").click()
    expect(page.locator("[name=prompt_template]")).to_have_value("Tell of {{prompt}}.")
    page.goto(f"{LIST}?q=tides")
    take(page, "generators-list")

    states = {row.public_name: row.state for row in Generator.objects.filter(name="tides")}
    assert states == {"tides-v1": State.CURRENT, "tides-v2": State.DRAFT}


def saying(*texts: str) -> tuple[Any, ...]:
    end = 'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'
    return tuple(faults.events(upstream.delta(text), end) for text in texts)


def test_second_try_is_shown_beside_the_fault_of_the_first(open_window: Open, operator: User) -> None:
    with upstream.running(*saying("No idea.", '{"title": "Tides"}')) as service:
        LLMConfig.objects.create(name="Main", provider="vllm", endpoint_url=service.url, is_active=True)
        page = open_window(operator).page
        open_form(page)
        page.locator("[name=output_kind]").select_option("json")
        page.locator("[name=output_schema]").fill(TITLE)

        try_it(page)

        expect(page.locator("#tryout-result")).to_contain_text("The second, stricter try fits.")
        expect(page.locator("#try-1")).to_contain_text("The answer holds no JSON that can be read.")
        take(page, "generators-second-try")
        assert_accessible(page)


def test_what_has_to_be_corrected_is_told_and_what_was_entered_stays(
    open_window: Open, operator: User
) -> None:
    activate()
    visit = open_window(operator)
    visit.watch.expect("status of 422")
    page = visit.page
    open_form(page)
    page.locator("[name=input_schema]").fill('{\n  "type": }')

    try_it(page)

    expect(page.locator("#tryout-result")).to_contain_text("line 2, column 11")
    expect(page.locator("[name=input_schema]")).to_have_value('{\n  "type": }')
    take(page, "generators-wrong")


def test_stop_ends_it(open_window: Open, operator: User) -> None:
    activate(text="word " * 1000, tokens_per_s=20)
    page = open_window(operator).page
    open_form(page)
    try_it(page)
    expect(page.locator("#tryout-live")).to_contain_text("word")
    take(page, "generators-running")

    page.get_by_role("button", name="Stop").click()

    expect(page.locator("#tryout-status")).to_have_text("Stopped.")
    expect(page.locator("#tryout-go")).to_be_focused()
    expect(page.locator("#tryout-live")).to_contain_text("word")


def test_what_a_model_writes_is_text(open_window: Open, operator: User) -> None:
    activate(text=EVIL)
    page = open_window(operator).page
    open_form(page, sample='{"prompt": "<img src=x>"}')

    try_it(page)

    expect(page.locator("#tryout-result pre").first).to_have_text(EVIL)
    assert "evil" not in page.title()


def test_scripts_are_not_needed(open_window: Open, operator: User) -> None:
    activate(text="Water that moves.")
    page = open_window(operator, java_script_enabled=False).page
    open_form(page)
    page.locator("[name=prompt_template]").fill("Tell of {{prompt}}.")

    try_it(page)
    expect(page.locator("#tryout-result")).to_contain_text("Water that moves.")
    expect(page.locator("[name=prompt_template]")).to_have_value("Tell of {{prompt}}.")
    expect(page.locator("#sample")).to_have_value('{"prompt": "the sea"}')
    page.locator("input[name=_save]").first.click()
    expect(page.locator(".messagelist")).to_be_visible()

    assert Generator.objects.get(name="tides").prompt_template == "Tell of {{prompt}}."


def test_form_fits_on_a_phone_and_into_the_dark(open_window: Open, operator: User) -> None:
    activate(text="Water that moves. " * 40)
    page = open_window(operator, viewport=PHONE, color_scheme="dark").page
    open_form(page)
    try_it(page)
    expect(page.locator("#tryout-result")).to_contain_text("The answer fits.")

    assert_fits(page, PHONE["width"])
    assert_accessible(page)
    take(page, "generators-phone-dark")


def test_viewer_finds_no_way_to_change_or_try(open_window: Open) -> None:
    row = Generator.objects.create(name="tides", system_prompt="Be brief.")
    page = open_window(make_user("vera", groups=("Viewer",))).page
    page.goto(f"{LIST}{row.pk}/change/")

    expect(page.locator("main")).to_contain_text("Be brief.")
    for name in ("Publish", "Next version", "Save", "Try"):
        expect(page.get_by_role("link", name=name, exact=True)).to_have_count(0)
        expect(page.get_by_role("button", name=name, exact=True)).to_have_count(0)
