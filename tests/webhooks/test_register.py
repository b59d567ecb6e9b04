from __future__ import annotations

import base64
from typing import Any

import pytest

from audit.actions import Action
from audit.models import AuditEvent
from llmbackends.zone_setting import parse_zones
from tests.audit.events import the_event
from webhooks import endpoints
from webhooks.errors import InvalidEndpoint, TooManyEndpoints, UrlRefused, UrlRegistered
from webhooks.models import Event, WebhookEndpoint

from .endpoints_support import URL, a_key, registered

pytestmark = pytest.mark.django_db


def test_endpoint_is_told_of_every_event_unless_it_says_otherwise() -> None:
    endpoint = registered().endpoint

    assert endpoints.events_of(endpoint) == (
        "generation.completed",
        "generation.failed",
        "generation.cancelled",
    )
    assert endpoint.disabled_at is None


def test_endpoint_is_told_of_the_events_it_names() -> None:
    endpoint = registered(events=[Event.FAILED], description="On call").endpoint

    stored = WebhookEndpoint.objects.get()
    assert stored == endpoint
    assert (stored.on_completed, stored.on_failed, stored.on_cancelled) == (False, True, False)
    assert (stored.url, stored.description) == (URL, "On call")


def test_secret_is_given_once_and_sealed() -> None:
    issued = registered()

    secret = issued.secret.reveal()
    assert len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) == 32
    stored = WebhookEndpoint.objects.get()
    assert stored.secret.reveal().reveal() == secret
    assert secret not in str(WebhookEndpoint.objects.values().get()) + repr(issued)


def test_every_endpoint_has_a_secret_of_its_own() -> None:
    key = a_key()

    secrets = {registered(key, url=f"{URL}{number}").secret.reveal() for number in range(5)}

    assert len(secrets) == 5


def test_trail_tells_where_messages_go_and_no_secret_of_either_side() -> None:
    issued = registered()

    event = the_event(Action.WEBHOOK_REGISTERED)
    assert (event.subject_kind, event.subject_id) == ("webhook", str(issued.endpoint.pk))
    assert event.subject_name == "http://127.0.0.1:9"
    assert event.details == {"key": str(issued.endpoint.key), "events": list(endpoints.EVENTS)}
    recorded = str(list(AuditEvent.objects.values()))
    assert issued.secret.reveal() not in recorded
    assert "of-the-receiver" not in recorded


def test_url_elsewhere_is_refused_before_anything_is_stored(settings: Any) -> None:
    settings.WEBHOOK_ZONES = parse_zones("apps=10.2.0.0/16")
    settings.LLM_ALLOW_REMOTE = False

    with pytest.raises(UrlRefused):
        registered()

    assert not WebhookEndpoint.objects.exists()


def test_key_has_so_many_endpoints_and_no_more(settings: Any) -> None:
    settings.WEBHOOK_ENDPOINTS_PER_KEY = 2
    key = a_key()
    first = registered(key, url=f"{URL}1").endpoint
    registered(key, url=f"{URL}2")

    with pytest.raises(TooManyEndpoints, match="2 webhooks at most"):
        registered(key, url=f"{URL}3")
    endpoints.remove(first)
    registered(key, url=f"{URL}3")
    registered(a_key("other"), url=f"{URL}3")


def test_key_registers_a_url_once() -> None:
    key = a_key()
    first = registered(key).endpoint

    with pytest.raises(UrlRegistered):
        registered(key)
    registered(a_key("other"))
    endpoints.remove(first)
    registered(key)


@pytest.mark.parametrize("description", ["a" * 201, "a\x00b"])
def test_description_that_cannot_be_stored_is_refused(description: str) -> None:
    with pytest.raises(InvalidEndpoint) as refused:
        registered(description=description)

    assert refused.value.param == "description"


@pytest.mark.parametrize("events", [[], [Event.TEST], ["generation.imagined"]])
def test_events_that_nobody_is_told_of_are_refused(events: Any) -> None:
    with pytest.raises(InvalidEndpoint) as refused:
        registered(events=events)

    assert refused.value.param == "events"
