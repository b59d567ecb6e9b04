"""What the start page says of models that jobs are kept from, of activations that wait for somebody, and of
webhooks that stopped."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from audit.context import user_actor
from generation.models import Breaker
from llmconfigs import requests
from llmconfigs.models import ActivationRequest, LLMConfig
from tests.people import user_with
from tests.web.browsers import browser_of
from tests.webhooks.endpoints_support import a_key, disable, registered
from webhooks import endpoints
from webhooks.models import DisabledBecause, WebhookEndpoint

pytestmark = pytest.mark.django_db
JOBS, BREAKERS = "generation.view_generationjob", "generation.view_breaker"
HOOKS, WORK = "webhooks.view_webhookendpoint", "webhooks.change_webhookendpoint"
APPROVER = ("llmconfigs.view_llmconfig", "llmconfigs.approve_llmconfig")


@pytest.fixture
def browser_with() -> Callable[..., Client]:
    def browser(*permissions: str) -> Client:
        return browser_of(user_with(*permissions, is_staff=True))

    return browser


def open_breaker(**fields: object) -> Breaker:
    now = timezone.now()
    values = {"backend": "config:7@2", "name": "Main", "reason": "Refused at <rack 3>", "opened_at": now}
    return Breaker.objects.create(**values | {"failures": 3, "failed_at": now, "probe_at": now} | fields)


def wanted_by(user: User) -> ActivationRequest:
    config = LLMConfig.objects.create(name="Next <model>", provider="dummy")
    return requests.make(config, by=user_actor(user), reason="Tested on Monday")


@pytest.mark.parametrize("path", ["/admin/", "/admin/desk/"])
def test_open_breaker_is_shown_with_its_reason_and_its_next_try(
    browser_with: Callable[..., Client], path: str
) -> None:
    tries_at = timezone.localtime() + timedelta(minutes=3)
    open_breaker(probe_at=tries_at)

    html = browser_with(JOBS).get(path).text

    assert "<strong>Main</strong>" in html
    assert "Refused at &lt;rack 3&gt;" in html
    assert f"tried again at {tries_at:%H:%M:%S}" in html


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": ""}, "<strong>Environment</strong>"),
        ({"probe_at": timezone.now() - timedelta(minutes=1)}, "tried again with the next job"),
        ({"probe_until": timezone.now() + timedelta(hours=1)}, "being tried now"),
    ],
)
def test_open_breaker_says_what_is_known(
    browser_with: Callable[..., Client], fields: dict[str, object], said: str
) -> None:
    open_breaker(**fields)

    assert said in browser_with(JOBS).get("/admin/").text


def test_list_of_breakers_is_offered_to_who_may_see_it(browser_with: Callable[..., Client]) -> None:
    open_breaker()

    assert "All circuit breakers" in browser_with(JOBS, BREAKERS).get("/admin/desk/").text


def test_breakers_are_shown_while_they_are_open_and_to_who_sees_jobs(
    browser_with: Callable[..., Client],
) -> None:
    strangers = browser_with(*APPROVER)
    open_breaker()
    assert "breakers-heading" not in strangers.get("/admin/").text

    Breaker.objects.update(opened_at=None)

    assert (
        "breakers-heading" not in browser_of(user_with(JOBS, name="other", is_staff=True)).get("/admin/").text
    )


def test_request_waits_on_the_page_of_who_may_approve_it(browser_with: Callable[..., Client]) -> None:
    request = wanted_by(user_with(name="mina"))

    html = browser_with(*APPROVER).get("/admin/").text

    assert f'href="/admin/llmconfigs/llmconfig/requests/{request.pk}/">Next &lt;model&gt;</a>' in html
    assert "requested by mina" in html
    assert "Tested on Monday" in html


@pytest.mark.parametrize("permissions", [APPROVER[:1], APPROVER[1:], (JOBS,)])
def test_request_is_not_shown_to_who_may_not_approve_it(
    browser_with: Callable[..., Client], permissions: tuple[str, ...]
) -> None:
    wanted_by(user_with(name="mina"))

    assert "requests-heading" not in browser_with(*permissions).get("/admin/").text


def test_request_is_not_shown_to_who_made_it_or_once_it_is_over(browser_with: Callable[..., Client]) -> None:
    mina = user_with(*APPROVER, name="mina", is_staff=True)
    request = wanted_by(mina)
    assert "requests-heading" not in browser_of(mina).get("/admin/").text

    ActivationRequest.objects.filter(pk=request.pk).update(expires_at=timezone.now())

    assert "requests-heading" not in browser_with(*APPROVER).get("/admin/").text


def stopped_webhook(number: int = 0, because: DisabledBecause = DisabledBecause.FAILING) -> WebhookEndpoint:
    return disable(registered(a_key(f"Shop {number}")).endpoint, because)


@pytest.mark.parametrize("path", ["/admin/", "/admin/desk/"])
def test_webhook_that_stopped_is_shown_until_it_goes_on(
    browser_with: Callable[..., Client], path: str
) -> None:
    endpoint, browser = stopped_webhook(), browser_with(HOOKS)

    html = browser.get(path).text

    assert f"/admin/webhooks/webhookendpoint/{endpoint.pk}/change/" in html
    assert "http://127.0.0.1:9</a>" in html
    assert "token=of-the-receiver" not in html
    assert "Shop 0 · Failed for days" in html
    assert "Put away" not in html
    endpoints.switch_on(endpoint)
    assert "webhooks-heading" not in browser.get(path).text


def test_webhook_that_somebody_switched_off_needs_nobody(browser_with: Callable[..., Client]) -> None:
    stopped_webhook(0, DisabledBecause.CLIENT)
    stopped_webhook(1, DisabledBecause.STAFF)

    assert "webhooks-heading" not in browser_with(HOOKS).get("/admin/").text


def test_notice_of_a_webhook_is_for_who_may_see_endpoints(browser_with: Callable[..., Client]) -> None:
    stopped_webhook()

    assert "webhooks-heading" not in browser_with(JOBS, *APPROVER).get("/admin/").text


def test_notice_of_a_webhook_is_put_away_by_who_may_change_endpoints(
    browser_with: Callable[..., Client],
) -> None:
    endpoint, browser = stopped_webhook(), browser_with(HOOKS, WORK)
    assert "Put away" in browser.get("/admin/desk/").text

    browser.post(f"/admin/webhooks/webhookendpoint/{endpoint.pk}/put-notice-away/")

    assert "webhooks-heading" not in browser.get("/admin/").text


def test_only_a_few_of_many_webhooks_are_shown(browser_with: Callable[..., Client]) -> None:
    for number in range(7):
        stopped_webhook(number)

    assert browser_with(HOOKS).get("/admin/").text.count("Failed for days") == 5
