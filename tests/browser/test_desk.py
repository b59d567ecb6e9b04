"""The administrator's desk: a model is entered, tried, activated, rolled back; and two who do it together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page

from llmconfigs.models import LLMConfig

from .conftest import Open
from .judging import assert_accessible, assert_fits
from .looking import PHONE, Chromium, expect
from .people import make_user
from .pictures import take
from .site import running_site

LIST = "/admin/llmconfigs/llmconfig/"


@pytest.fixture
def strict_chromium() -> Iterator[Chromium]:
    """Of an installation where nobody activates alone."""
    with running_site(ACTIVATION_NEEDS_TWO="true", GENERATION_EMBEDDED_RUNNER="false") as server:
        chromium = Chromium(server.base_url)
        yield chromium
        chromium.close()


def make(name: str, **values: Any) -> LLMConfig:
    config: LLMConfig = LLMConfig.objects.create(name=name, **({"provider": "dummy"} | values))
    return config


def field(page: Page, name: str) -> Any:
    return page.locator(f"[name='{name}']")


def test_form_follows_the_provider(admin_page: Page) -> None:
    page = admin_page
    page.goto(f"{LIST}add/")
    take(page, "desk-add-nothing-chosen")

    page.check("[name=provider][value=ollama]")
    expect(field(page, "option_ollama_context_size")).to_be_visible()
    expect(field(page, "option_local-llm_model_path")).to_be_hidden()
    expect(field(page, "api_key")).to_be_hidden()
    expect(field(page, "endpoint_url")).to_have_attribute("placeholder", "http://localhost:11434")
    expect(field(page, "model_name")).to_have_attribute("placeholder", "codellama:13b")
    assert_accessible(page)
    take(page, "desk-add-ollama")

    page.check("[name=provider][value=anthropic]")
    expect(field(page, "api_key")).to_be_visible()
    expect(field(page, "parameter_seed")).to_be_hidden()
    expect(field(page, "option_ollama_context_size")).to_be_hidden()

    page.check("[name=provider][value=local-llm]")
    expect(field(page, "option_local-llm_model_path")).to_be_visible()
    expect(field(page, "endpoint_url")).to_be_hidden()


def test_model_is_entered_tried_activated_and_rolled_back(admin_page: Page) -> None:
    page = admin_page
    page.goto(f"{LIST}add/")
    field(page, "name").fill("Records office")
    page.check("[name=provider][value=dummy]")
    field(page, "option_dummy_text").fill("Ready.")

    page.click("text=Fetch models")
    expect(page.locator("#trial")).to_contain_text("The service has 1 model.")
    expect(page.locator("#known-models option")).to_have_count(1)
    page.click("text=Test connection")
    expect(page.locator("#trial")).to_contain_text("The service answers.")
    expect(page.locator("#trial")).to_contain_text("Ready.")
    assert_accessible(page)
    take(page, "desk-tested")
    page.click("input[name=_continue]")

    page.click(".object-tools >> text=Activate")
    expect(page.locator("h1")).to_have_text("Activate Records office?")
    assert_accessible(page)
    take(page, "desk-confirm")
    page.click("text=Test and activate")

    expect(page.locator("h1")).to_have_text("What answers now")
    expect(page.locator("#processes")).to_contain_text("All processes have taken it up.")
    assert_accessible(page)
    take(page, "desk-switched")

    page.click("text=Roll back")
    page.click("text=Test and roll back")
    expect(page.locator("dl.facts")).to_contain_text("The environment")


def test_model_that_does_not_answer_is_activated_for_a_reason_alone(admin_page: Page) -> None:
    page = admin_page
    config = make("Sick", options={"fail": "bad_answer"})
    page.goto(f"{LIST}{config.pk}/activate/")

    page.click("text=Test and activate")
    expect(page.locator("h2 >> text=Nothing has been changed")).to_be_visible()
    assert_accessible(page)
    take(page, "desk-confirm-failed")

    page.fill("[name=reason]", "It is being started.")
    page.click("text=Go on anyway")
    expect(page.locator("h1")).to_have_text("What answers now")
    expect(page.locator("table >> nth=-1")).to_contain_text("It is being started.")


def test_two_people_activate_together(strict_chromium: Chromium) -> None:
    config = make("Records office", options={"text": "Ready."})
    operator = strict_chromium.open(make_user("olga", groups=("Operator",)))
    approver = strict_chromium.open(make_user("anna", groups=("Approver",)))

    page = operator.page
    page.goto(f"{LIST}{config.pk}/change/")
    page.click(".object-tools >> text=Request activation")
    page.fill("[name=reason]", "It knows our forms.")
    assert_accessible(page)
    take(page, "desk-request")
    page.click("button >> text=Request activation")
    expect(page.locator(".badge >> nth=0")).to_have_text("Pending")
    expect(page.locator("text=Approve, test and activate")).to_have_count(0)

    page = approver.page
    page.goto(LIST)
    page.click("text=1 request")
    expect(page.locator("h1")).to_have_text("Requests for activation")
    assert_accessible(page)
    page.click("text=Records office")
    expect(page.locator("dl.facts >> nth=0")).to_contain_text("It knows our forms.")
    assert_accessible(page)
    take(page, "desk-decide")
    page.click("text=Approve, test and activate")
    expect(page.locator("h1")).to_have_text("What answers now")
    expect(page.locator("dl.facts >> nth=0")).to_contain_text("Records office")

    assert LLMConfig.objects.active().get() == config
    assert operator.close() + approver.close() == []


def test_list_on_a_desk_and_on_a_phone(open_window: Open) -> None:
    make("Main", is_active=True, model_name="llama-3.1-70b-instruct")
    make("Next", provider="vllm", endpoint_url="http://127.0.0.1:9")
    page = open_window(make_user("kim", is_superuser=True)).page

    page.goto(LIST)
    assert_accessible(page)
    take(page, "desk-list")

    assert_fits(page, PHONE["width"])


def test_pages_fit_on_a_phone(open_window: Open) -> None:
    config = make("Main", options={"text": "A long text without a space" * 3})
    page = open_window(make_user("kim", is_superuser=True), viewport=PHONE).page

    for address in ("add/", f"{config.pk}/change/", f"{config.pk}/activate/", "switched/", "requests/"):
        page.goto(LIST + address)
        assert_fits(page, PHONE["width"])


def test_form_works_without_a_script(open_window: Open) -> None:
    page = open_window(make_user("kim", is_superuser=True), java_script_enabled=False).page
    page.goto(f"{LIST}add/")
    field(page, "name").fill("Without")
    page.check("[name=provider][value=dummy]")
    field(page, "option_dummy_text").fill("Ready.")

    page.click("text=Test connection")
    expect(page.locator("#trial")).to_contain_text("The service answers.")
    expect(field(page, "option_dummy_text")).to_have_value("Ready.")
    page.click("input[name=_save]")

    expect(page.locator(".messagelist")).to_contain_text("was added successfully")
    assert LLMConfig.objects.get().options == {"text": "Ready."}
