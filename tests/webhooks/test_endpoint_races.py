"""Several requests about the endpoints of one key, at the same moment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from audit.actions import Action
from audit.models import AuditEvent
from tests.llmconfigs.races import outcomes_at_once
from webhooks import endpoints
from webhooks.endpoints import Changes, Issued
from webhooks.errors import EndpointNotFound, SecretRotated, SecretsInUse, TooManyEndpoints, UrlRegistered
from webhooks.models import WebhookEndpoint

from .endpoints_support import URL, a_key, now_of, registered

pytestmark = pytest.mark.django_db(transaction=True)


def kinds(outcomes: list[object]) -> list[type]:
    return sorted((type(each) for each in outcomes), key=lambda kind: kind.__name__)


def test_no_key_gets_beyond_its_limit(settings: Any) -> None:
    settings.WEBHOOK_ENDPOINTS_PER_KEY = 2
    key = a_key()

    def register(number: int) -> Callable[[], object]:
        return lambda: registered(key, url=f"{URL}{number}")

    outcomes = outcomes_at_once([register(number) for number in range(6)])

    assert kinds(outcomes) == [Issued] * 2 + [TooManyEndpoints] * 4
    assert WebhookEndpoint.objects.count() == 2
    assert AuditEvent.objects.filter(action=Action.WEBHOOK_REGISTERED).count() == 2


def test_url_is_registered_once() -> None:
    key = a_key()

    outcomes = outcomes_at_once([lambda: registered(key)] * 4)

    assert kinds(outcomes) == [Issued] + [UrlRegistered] * 3


def test_two_that_take_the_same_url_do_not_both_get_it() -> None:
    key = a_key()
    both = [registered(key, url=f"{URL}{number}").endpoint for number in range(2)]

    outcomes = outcomes_at_once(
        [lambda endpoint=endpoint: endpoints.change(endpoint, Changes(url=URL)) for endpoint in both]
    )

    assert kinds(outcomes) == [UrlRegistered, WebhookEndpoint]


@pytest.mark.parametrize("keep_old_for_s", [0, 60])
def test_of_those_who_rotate_at_once_one_knows_the_secret(keep_old_for_s: int) -> None:
    first = registered()

    def rotate() -> object:
        return endpoints.rotate_secret(first.endpoint, keep_old_for_s=keep_old_for_s)

    outcomes = outcomes_at_once([rotate] * 4)

    issued = [each for each in outcomes if isinstance(each, Issued)]
    assert len(issued) == 1
    assert all(isinstance(each, Issued | SecretRotated | SecretsInUse) for each in outcomes)
    assert now_of(first.endpoint).secret.reveal() == issued[0].secret
    assert AuditEvent.objects.filter(action=Action.WEBHOOK_SECRET_ROTATED).count() == 1


def test_endpoint_that_is_removed_meanwhile_stays_removed() -> None:
    endpoint = registered().endpoint

    outcomes = outcomes_at_once(
        [
            lambda: endpoints.remove(endpoint),
            lambda: endpoints.remove(endpoint),
            lambda: endpoints.change(endpoint, Changes(description="Orders", is_enabled=False)),
            lambda: endpoints.rotate_secret(endpoint),
            lambda: endpoints.switch_on(endpoint),
        ]
    )

    assert sorted(each for each in outcomes[:2] if isinstance(each, bool)) == [False, True]
    assert all(not isinstance(each, Exception) or isinstance(each, EndpointNotFound) for each in outcomes)
    stored = now_of(endpoint)
    assert stored.removed_at
    assert stored.disabled_at
    assert not stored.secret
    assert not stored.previous_secret


def test_client_and_staff_that_switch_at_once_end_in_one_of_their_ways() -> None:
    endpoint = registered().endpoint

    outcomes_at_once(
        [
            lambda: endpoints.switch_off(endpoint),
            lambda: endpoints.change(endpoint, Changes(is_enabled=False)),
            lambda: endpoints.change(endpoint, Changes(description="Orders")),
        ]
    )

    stored = now_of(endpoint)
    assert stored.disabled_because == "staff"
    assert stored.description == "Orders"
