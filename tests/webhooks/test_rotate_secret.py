from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from audit.actions import Action
from audit.models import AuditEvent
from tests.audit.events import the_event
from webhooks import endpoints
from webhooks.errors import EndpointNotFound, InvalidEndpoint, SecretRotated, SecretsInUse
from webhooks.models import WebhookEndpoint

from .endpoints_support import now_of, registered

pytestmark = pytest.mark.django_db


def test_old_secret_stays_valid_for_a_day() -> None:
    first = registered()

    second = endpoints.rotate_secret(first.endpoint)

    stored, now = now_of(first.endpoint), timezone.now()
    assert stored.secret.reveal() == second.secret != first.secret
    assert stored.previous_secret.reveal() == first.secret
    assert stored.previous_secret_until
    assert timedelta(hours=23) < stored.previous_secret_until - now <= timedelta(hours=24)


@pytest.mark.parametrize("behind_s", [-3600, 3600])
def test_old_secret_stays_valid_for_that_long_by_the_clock_that_the_senders_go_by(
    behind_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = timezone.now()
    monkeypatch.setattr(timezone, "now", lambda: now - timedelta(seconds=behind_s))
    first = registered()

    second = endpoints.rotate_secret(first.endpoint, keep_old_for_s=60)

    assert second.endpoint.previous_secret_until
    assert abs(second.endpoint.previous_secret_until - now - timedelta(seconds=60)) < timedelta(seconds=10)
    with pytest.raises(SecretsInUse):
        endpoints.rotate_secret(second.endpoint, keep_old_for_s=60)


def test_old_secret_ends_at_once_if_so_asked() -> None:
    first = registered()

    second = endpoints.rotate_secret(first.endpoint, keep_old_for_s=0)

    stored = now_of(first.endpoint)
    assert stored.secret.reveal() == second.secret
    assert (bool(stored.previous_secret), stored.previous_secret_until) == (False, None)


def test_third_secret_waits_for_the_first_to_end() -> None:
    first = registered()
    second = endpoints.rotate_secret(first.endpoint)

    with pytest.raises(SecretsInUse):
        endpoints.rotate_secret(second.endpoint)
    WebhookEndpoint.objects.update(previous_secret_until=timezone.now())
    third = endpoints.rotate_secret(now_of(first.endpoint))

    assert now_of(first.endpoint).previous_secret.reveal() == second.secret
    assert now_of(first.endpoint).secret.reveal() == third.secret


def test_both_secrets_end_at_once_if_so_asked() -> None:
    first = registered()
    second = endpoints.rotate_secret(first.endpoint)

    third = endpoints.rotate_secret(second.endpoint, keep_old_for_s=0)

    stored = now_of(first.endpoint)
    assert stored.secret.reveal() == third.secret
    assert not stored.previous_secret


def test_who_has_seen_another_secret_is_refused() -> None:
    seen = registered().endpoint
    endpoints.rotate_secret(now_of(seen), keep_old_for_s=0)

    with pytest.raises(SecretRotated):
        endpoints.rotate_secret(seen, keep_old_for_s=0)


@pytest.mark.parametrize("seconds", [-1, endpoints.MOST_KEEP_OLD_FOR_S + 1, float("nan"), float("inf")])
def test_time_out_of_bounds_is_refused(seconds: float) -> None:
    endpoint = registered().endpoint

    with pytest.raises(InvalidEndpoint) as refused:
        endpoints.rotate_secret(endpoint, keep_old_for_s=seconds)

    assert refused.value.param == "keep_old_for_s"
    assert now_of(endpoint).secret == endpoint.secret


def test_removed_endpoint_gets_no_secret() -> None:
    endpoint = registered().endpoint
    endpoints.remove(endpoint)

    with pytest.raises(EndpointNotFound):
        endpoints.rotate_secret(endpoint)


def test_trail_tells_of_it_without_the_secrets() -> None:
    first = registered()
    second = endpoints.rotate_secret(first.endpoint, keep_old_for_s=60)

    event = the_event(Action.WEBHOOK_SECRET_ROTATED)
    assert event.details == {"old_valid_for_s": 60}
    recorded = str(list(AuditEvent.objects.values()))
    assert first.secret.reveal() not in recorded
    assert second.secret.reveal() not in recorded
