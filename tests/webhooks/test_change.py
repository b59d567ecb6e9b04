from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from audit.actions import Action
from audit.models import AuditEvent
from tests.audit.events import the_event
from webhooks import endpoints
from webhooks.endpoints import Changes
from webhooks.errors import EndpointNotFound, InvalidEndpoint, SwitchedOffByStaff, UrlRefused, UrlRegistered
from webhooks.models import DisabledBecause, Event, WebhookEndpoint

from .endpoints_support import URL, a_delivery, a_key, disable, now_of, registered

pytestmark = pytest.mark.django_db

ELSEWHERE = "http://localhost:9/elsewhere"


def test_change_stores_what_is_named_and_leaves_the_rest() -> None:
    endpoint = registered(description="Orders").endpoint

    endpoints.change(endpoint, Changes(url=ELSEWHERE, events=[Event.COMPLETED]))

    stored = now_of(endpoint)
    assert (stored.url, stored.description) == (ELSEWHERE, "Orders")
    assert endpoints.events_of(stored) == ("generation.completed",)
    assert stored.secret == endpoint.secret


def test_trail_tells_what_was_changed_and_of_a_url_only_where_it_leads() -> None:
    endpoint = registered().endpoint

    changes = Changes(url=ELSEWHERE, description="Orders", events=[Event.FAILED])
    endpoints.change(endpoint, changes)

    assert the_event(Action.WEBHOOK_CHANGED).details["changes"] == {
        "url": {"from": "http://127.0.0.1:9", "to": "http://localhost:9"},
        "description": {"from": "", "to": "Orders"},
        "events": {"from": list(endpoints.EVENTS), "to": ["generation.failed"]},
    }


def test_other_path_at_the_same_host_is_told_as_changed() -> None:
    endpoint = registered().endpoint

    endpoints.change(endpoint, Changes(url=f"{URL}-and-another"))

    assert the_event(Action.WEBHOOK_CHANGED).details == {"changes": {"url": "changed"}}


@pytest.mark.parametrize(
    "changes", [Changes(), Changes(url=URL, description="", events=endpoints.EVENTS, is_enabled=True)]
)
def test_change_of_nothing_is_not_recorded(changes: Changes) -> None:
    endpoint = registered().endpoint

    endpoints.change(endpoint, changes)

    assert not AuditEvent.objects.filter(action=Action.WEBHOOK_CHANGED).exists()
    assert now_of(endpoint).updated_at == endpoint.updated_at


def test_failures_of_another_receiver_do_not_count() -> None:
    endpoint = registered().endpoint
    WebhookEndpoint.objects.update(failing_since=timezone.now(), held_until=timezone.now())

    endpoints.change(endpoint, Changes(description="Orders"))
    assert now_of(endpoint).failing_since
    endpoints.change(endpoint, Changes(url=ELSEWHERE))

    assert (now_of(endpoint).failing_since, now_of(endpoint).held_until) == (None, None)


def test_url_is_checked_like_that_of_a_new_one() -> None:
    key = a_key()
    endpoint = registered(key).endpoint
    registered(key, url=ELSEWHERE)

    with pytest.raises(UrlRefused):
        endpoints.change(endpoint, Changes(url="ftp://127.0.0.1/"))
    with pytest.raises(UrlRegistered):
        endpoints.change(endpoint, Changes(url=ELSEWHERE))

    assert now_of(endpoint).url == URL


def test_invalid_change_changes_nothing() -> None:
    endpoint = registered().endpoint

    with pytest.raises(InvalidEndpoint):
        endpoints.change(endpoint, Changes(url=ELSEWHERE, events=[]))

    assert now_of(endpoint).url == URL


def test_client_switches_off_and_on_again() -> None:
    endpoint = registered().endpoint

    endpoints.change(endpoint, Changes(is_enabled=False))
    off = now_of(endpoint)
    assert off.disabled_because == DisabledBecause.CLIENT
    assert the_event(Action.WEBHOOK_SWITCHED_OFF).details == {"because": "client"}

    endpoints.change(endpoint, Changes(is_enabled=True))
    on = now_of(endpoint)
    assert (on.disabled_at, on.disabled_because) == (None, "")
    the_event(Action.WEBHOOK_SWITCHED_ON)


@pytest.mark.parametrize("because", [DisabledBecause.FAILING, DisabledBecause.GONE])
def test_client_switches_on_what_had_stopped_and_what_waits_is_due(because: DisabledBecause) -> None:
    endpoint = registered().endpoint
    later = timezone.now() + timedelta(hours=5)
    waiting = a_delivery(endpoint, next_attempt_at=later, round_failures=7)
    disable(endpoint, because)

    endpoints.change(endpoint, Changes(is_enabled=True))

    waiting.refresh_from_db()
    assert now_of(endpoint).failing_since is None
    assert waiting.next_attempt_at
    assert waiting.next_attempt_at < later
    assert waiting.round_failures == 0


def test_client_does_not_switch_on_what_staff_switched_off() -> None:
    endpoint = registered().endpoint
    endpoints.switch_off(endpoint)

    with pytest.raises(SwitchedOffByStaff):
        endpoints.change(endpoint, Changes(url=ELSEWHERE, is_enabled=True))

    assert now_of(endpoint).disabled_because == DisabledBecause.STAFF
    assert now_of(endpoint).url == URL


def test_removed_endpoint_is_not_changed() -> None:
    endpoint = registered().endpoint
    endpoints.remove(endpoint)

    with pytest.raises(EndpointNotFound):
        endpoints.change(endpoint, Changes(description="Orders"))


def test_what_the_sender_notes_meanwhile_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = registered().endpoint
    noted = timezone.now()

    def note(url: str) -> Any:
        WebhookEndpoint.objects.filter(pk=endpoint.pk).update(succeeded_at=noted)

    monkeypatch.setattr(endpoints.policy, "require_reachable", note)
    endpoints.change(endpoint, Changes(url=ELSEWHERE))

    assert now_of(endpoint).succeeded_at == noted
