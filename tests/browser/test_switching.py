"""Switching models with real ones, before processes that follow or do not, and in every way one can press a
button."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page

from apikeys import issuing
from llmconfigs.models import LLMConfig
from scripts.make_toy_gguf import SENTENCES, write_toy_gguf
from tests.api.frontdoor import upstream
from tests.llama_server import LlamaServer, running_llama_server
from tests.llmbackends import faults
from tests.llmbackends.fault_server import Exchange
from tests.processes import ServerProcess

from .conftest import Open
from .looking import PHONE, expect, tab_to
from .people import make_user
from .pictures import take
from .site import running_site

LIST = "/admin/llmconfigs/llmconfig/"
PROBE = "<img src=/xss onerror=alert(1)><script>alert(2)</script>"


@pytest.fixture
def operator() -> User:
    return make_user("olga", groups=("Operator",))


@pytest.fixture
def llama(tmp_path: Path) -> Iterator[LlamaServer]:
    with running_llama_server(write_toy_gguf(tmp_path / "toy.gguf")) as server:
        yield server


@pytest.fixture
def other_site(db: None) -> Iterator[ServerProcess]:
    """A second web process of the installation."""
    with running_site(GENERATION_EMBEDDED_RUNNER="false") as server:
        yield server


def make(name: str, **values: Any) -> LLMConfig:
    config: LLMConfig = LLMConfig.objects.create(name=name, **({"provider": "dummy"} | values))
    return config


def answer_to_a_program(site: ServerProcess, key: str) -> str:
    body = {"model": "default", "messages": [{"role": "user", "content": "Hello"}]}
    headers = {"Authorization": f"Bearer {key}"}
    answer = httpx.post(f"{site.base_url}/v1/chat/completions", json=body, headers=headers, timeout=60)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["choices"][0]["message"]["content"])


def is_of_the_toy(text: str) -> bool:
    words = {word for sentence in SENTENCES for word in sentence.split()}
    return set(text.replace(".", " . ").split()) <= words


def test_real_model_takes_over_and_gives_way_again(
    open_window: Open, operator: User, llama: LlamaServer, site: ServerProcess, other_site: ServerProcess
) -> None:
    """Programs that know nothing of it get their answers from it, from every process."""
    key = issuing.issue(name="Reports", scopes=["generate"]).secret.reveal()
    make("Before", options={"text": "As before."}, is_active=True)
    page = open_window(operator).page
    page.goto(LIST)
    page.get_by_role("link", name="Add LLM configuration").click()
    page.locator("[name=name]").fill("Llama")
    page.check("[name=provider][value=llama-cpp]")
    page.locator("[name=endpoint_url]").fill(llama.url)
    page.get_by_role("button", name="Fetch models").click()
    expect(page.locator("#known-models option")).to_have_attribute("value", llama.model)
    page.locator("[name=model_name]").fill(llama.model)
    page.get_by_role("button", name="Test connection").click()
    expect(page.locator("#trial")).to_contain_text("The service answers.")
    take(page, "switching-tested")
    page.locator("input[name=_continue]").click()

    page.locator(".object-tools").get_by_role("link", name="Activate").click()
    expect(page.locator("#content-main .table")).to_contain_text("Before")
    take(page, "switching-confirm")
    page.get_by_role("button", name="Test and activate").click()
    expect(page.locator("#processes .badge-ok")).to_have_count(3)
    answers = [answer_to_a_program(each, key) for each in (site, other_site)]
    take(page, "switching-done")
    page.get_by_role("link", name="Roll back").click()
    page.get_by_role("button", name="Test and roll back").click()
    expect(page.locator("dl.facts").first).to_contain_text("Before")

    assert all(is_of_the_toy(answer) for answer in answers), answers
    assert [answer_to_a_program(each, key) for each in (site, other_site)] == ["As before."] * 2


def test_process_that_lags_behind_is_waited_for(
    open_window: Open, operator: User, other_site: ServerProcess
) -> None:
    config = make("Next")
    page = open_window(operator).page
    page.goto(f"{LIST}switched/")
    expect(page.locator("#processes tbody tr")).to_have_count(2)
    other_site.process.send_signal(signal.SIGSTOP)

    page.goto(f"{LIST}{config.pk}/activate/")
    page.get_by_role("button", name="Test and activate").click()
    expect(page.locator("#processes")).to_contain_text("Waiting for all processes to take it up")
    expect(page.locator("#processes tbody .badge-warn")).to_have_count(1)
    take(page, "switching-waits")
    other_site.process.send_signal(signal.SIGCONT)

    expect(page.locator("#processes")).to_contain_text("All processes have taken it up.")


def test_keyboard_alone_activates(open_window: Open, operator: User) -> None:
    make("Next")
    page = open_window(operator).page
    page.goto(LIST)

    tab_to(page, "Skip to main content")
    page.keyboard.press("Enter")
    tab_to(page, "Next")
    page.keyboard.press("Enter")
    expect(page.locator("[name=name]")).to_have_value("Next")
    tab_to(page, "Activate")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Activate Next?")
    tab_to(page, "Test and activate")
    page.keyboard.press("Enter")

    expect(page.locator("h1")).to_have_text("What answers now")
    assert LLMConfig.objects.get().is_active


def test_scripts_are_not_needed(open_window: Open, operator: User) -> None:
    make("Before", is_active=True)
    make("Next")
    page = open_window(operator, java_script_enabled=False).page
    page.goto(LIST)
    page.get_by_role("link", name="Next", exact=True).click()
    page.locator(".object-tools").get_by_role("link", name="Activate").click()
    page.get_by_role("button", name="Test and activate").click()
    expect(page.locator("dl.facts").first).to_contain_text("Next")
    page.get_by_role("link", name="Roll back").click()
    page.get_by_role("button", name="Test and roll back").click()

    expect(page.locator("dl.facts").first).to_contain_text("Before")


async def say_markup(exchange: Exchange) -> None:
    """A service that would like to be in charge."""
    if exchange.request.path.endswith("/models"):
        await faults.answer(200, {"data": [{"id": PROBE}, {"id": f'"{PROBE}'}]})(exchange)
    elif exchange.request.method == "GET":
        await faults.answer(200, {"status": PROBE})(exchange)
    elif json.loads(exchange.request.body).get("model") == "talks":
        choice = {"index": 0, "message": {"content": PROBE}, "finish_reason": "stop"}
        await faults.answer(200, {"choices": [choice]})(exchange)
    else:
        await faults.answer(400, {"error": {"message": PROBE, "type": PROBE, "code": PROBE}})(exchange)


def test_what_a_service_says_is_text(open_window: Open, operator: User) -> None:
    with upstream.running(say_markup) as service:
        config = make("Service", provider="vllm", endpoint_url=service.url)
        page = open_window(operator).page
        page.goto(f"{LIST}{config.pk}/change/")
        trial = page.locator("#trial")

        page.get_by_role("button", name="Fetch models").click()
        expect(trial.locator("li").last).to_have_text(PROBE)
        page.get_by_role("button", name="Test connection").click()
        expect(trial.locator(".message-error")).to_contain_text(PROBE)
        page.locator("[name=model_name]").fill("talks")
        page.get_by_role("button", name="Test connection").click()
        expect(trial.locator("dl")).to_contain_text(PROBE)
        page.goto(f"{LIST}{config.pk}/activate/")
        page.get_by_role("button", name="Test and activate").click()
        expect(page.locator(".message-error")).to_contain_text(PROBE)
        page.get_by_label("Reason").fill(PROBE)
        page.get_by_role("button", name="Go on anyway").click()
        expect(page.locator("main")).to_contain_text(f"forced {PROBE}")


def test_both_columns_of_the_confirmation_are_seen_on_a_phone(open_window: Open, operator: User) -> None:
    make("Before", is_active=True)
    config = make("Next", provider="vllm", endpoint_url="http://127.0.0.1:8000/a/rather/long/path/to/a/model")
    page = open_window(operator, viewport=PHONE).page
    page.goto(f"{LIST}{config.pk}/activate/")

    box = page.locator(".table-box:has(.comparison)")
    assert box.evaluate("box => box.scrollWidth <= box.clientWidth")


def test_page_that_was_overtaken_changes_nothing(open_window: Open, operator: User) -> None:
    """Somebody else has switched meanwhile, so what the page says is no longer so."""
    before, chosen = make("Before"), make("Next")
    page = open_window(operator).page
    page.goto(f"{LIST}{chosen.pk}/activate/")
    LLMConfig.objects.filter(pk=before.pk).update(is_active=True)

    page.get_by_role("button", name="Test and activate").click()

    expect(page.locator(".messagelist")).to_be_visible()
    expect(page.locator("#content-main .table")).to_contain_text("Before")
    assert LLMConfig.objects.active().get() == before


def test_viewer_finds_no_way_to_switch(open_window: Open) -> None:
    config = make("Main", is_active=True)
    visit = open_window(make_user("vera", groups=("Viewer",)))
    visit.watch.expect("status of 403")
    page: Page = visit.page

    for address in (LIST, f"{LIST}{config.pk}/change/", f"{LIST}switched/"):
        page.goto(address)
        for name in ("Activate", "Deactivate", "Roll back", "Clone", "Save", "Test connection"):
            expect(page.get_by_role("link", name=name, exact=True)).to_have_count(0)
            expect(page.get_by_role("button", name=name, exact=True)).to_have_count(0)
    page.goto(f"{LIST}{config.pk}/deactivate/")

    expect(page.locator("h1")).to_have_text("Not allowed")
