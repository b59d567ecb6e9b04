"""Registering endpoints, changing and removing them: each together with its event in the audit trail.

Order of locks: the key's row, the endpoint's, its deliveries', and the trail's end last. None of these locks
stops a job of the key from ending, which only asks that the rows be there.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils import timezone

from apikeys.models import ApiKey
from audit import trail
from audit.actions import Action
from audit.changes import CHANGED
from audit.trail import Subject
from generation import sql
from llmbackends.secret import Secret

from . import deliveries, policy, signing
from .errors import (
    EndpointNotFound,
    InvalidEndpoint,
    SecretRotated,
    SecretsInUse,
    SwitchedOffByStaff,
    TooManyEndpoints,
    UrlRegistered,
)
from .models import DisabledBecause, Event, WebhookEndpoint

SECRET_BYTES: Final = 32
KEEP_OLD_FOR_S: Final = 24 * 3600
MOST_KEEP_OLD_FOR_S: Final = 30 * 24 * 3600
MOST_CHARACTERS_OF_DESCRIPTION: Final = 200
FIELD_OF_EVENT: Final = {
    Event.COMPLETED: "on_completed",
    Event.FAILED: "on_failed",
    Event.CANCELLED: "on_cancelled",
}
EVENTS: Final = tuple(FIELD_OF_EVENT)
"""Which an endpoint can be told of. A test is sent to any."""


@dataclass(frozen=True, slots=True)
class Issued:
    """`secret`, with which messages are signed, is shown now or never."""

    endpoint: WebhookEndpoint
    secret: Secret


@dataclass(frozen=True, slots=True)
class Changes:
    """None: as it is."""

    url: str | None = None
    description: str | None = None
    events: Collection[Event] | None = None
    is_enabled: bool | None = None


def register(key: ApiKey, *, url: str, description: str = "", events: Collection[Event] = EVENTS) -> Issued:
    """Looks the URL's host up, so not in a transaction. Raises InvalidEndpoint, UrlRefused, UrlRegistered,
    TooManyEndpoints."""
    policy.require_reachable(url)
    secret = _new_secret()
    endpoint = WebhookEndpoint(key=key, url=url, secret=secret)
    _set(endpoint, Changes(description=description, events=events))
    with transaction.atomic():
        _require_room(key)
        _save(endpoint)
        details = {"key": str(key), "events": list(events_of(endpoint))}
        trail.record(Action.WEBHOOK_REGISTERED, subject_of(endpoint), details=details)
    return Issued(endpoint, secret)


def change(endpoint: WebhookEndpoint, changes: Changes) -> WebhookEndpoint:
    """As its client wants it. Looks a new URL's host up, so not in a transaction. Another URL is another
    receiver, so whether the one before it failed does not count any more.

    Raises InvalidEndpoint, UrlRefused, UrlRegistered, SwitchedOffByStaff, EndpointNotFound.
    """
    if changes.url not in (None, endpoint.url):
        policy.require_reachable(str(changes.url))
    with transaction.atomic():
        stored = _locked(endpoint)
        told = _set(stored, changes)
        switched = _switch(stored, changes.is_enabled)
        if told or switched:
            _save(stored)
        if switched is Action.WEBHOOK_SWITCHED_ON:
            deliveries.resume(stored)
        if told:
            trail.record(Action.WEBHOOK_CHANGED, subject_of(stored), details={"changes": told})
        if switched:
            trail.record(switched, subject_of(stored), details=_because(stored))
    return stored


def rotate_secret(endpoint: WebhookEndpoint, *, keep_old_for_s: float = KEEP_OLD_FOR_S) -> Issued:
    """A new secret; the old one signs as well for a while, or not at all if that is 0.

    Two are valid at most. `endpoint` is as its caller has seen it: of two who rotate at once, one is refused.
    Raises InvalidEndpoint, SecretsInUse, SecretRotated, EndpointNotFound.
    """
    if not 0 <= keep_old_for_s <= MOST_KEEP_OLD_FOR_S:
        raise InvalidEndpoint(
            f"The old secret stays valid for 0 to {MOST_KEEP_OLD_FOR_S} seconds.", param="keep_old_for_s"
        )
    secret = _new_secret()
    with transaction.atomic():
        stored = _locked(endpoint)
        if stored.secret != endpoint.secret:
            raise SecretRotated
        if keep_old_for_s and _has_previous_secret(stored):
            raise SecretsInUse
        stored.previous_secret = stored.secret if keep_old_for_s else Secret("")
        stored.previous_secret_until = sql.after(keep_old_for_s) if keep_old_for_s else None
        stored.secret = secret
        stored.save(update_fields=["secret", "previous_secret", "previous_secret_until", "updated_at"])
        stored.refresh_from_db(fields=["previous_secret_until"])
        details = {"old_valid_for_s": keep_old_for_s}
        trail.record(Action.WEBHOOK_SECRET_ROTATED, subject_of(stored), details=details)
    return Issued(stored, secret)


def switch_on(endpoint: WebhookEndpoint) -> bool:
    """By staff, whoever switched it off: what waits is sent now. False if it was on. Raises
    EndpointNotFound."""
    with transaction.atomic():
        stored = _locked(endpoint)
        if stored.disabled_at is None:
            return False
        _enable(stored)
        _save(stored)
        deliveries.resume(stored)
        trail.record(Action.WEBHOOK_SWITCHED_ON, subject_of(stored))
    return True


def switch_off(endpoint: WebhookEndpoint) -> bool:
    """By staff: its client cannot switch it on again. False if staff had done so before. Raises
    EndpointNotFound."""
    with transaction.atomic():
        stored = _locked(endpoint)
        if stored.disabled_because == DisabledBecause.STAFF:
            return False
        _disable(stored, DisabledBecause.STAFF)
        _save(stored)
        trail.record(Action.WEBHOOK_SWITCHED_OFF, subject_of(stored), details=_because(stored))
    return True


def remove(endpoint: WebhookEndpoint) -> bool:
    """For good: nothing is sent to it from now on, and nobody sees it any more. Its rows, of which there may
    be many, go away with the old deliveries. False if it was removed before."""
    now = timezone.now()
    with transaction.atomic():
        is_removed = bool(
            WebhookEndpoint.objects.filter(pk=endpoint.pk, removed_at=None).update(
                removed_at=now,
                updated_at=now,
                disabled_at=now,
                disabled_because=DisabledBecause.CLIENT,
                secret="",
                previous_secret="",
                previous_secret_until=None,
            )
        )
        if is_removed:
            trail.record(Action.WEBHOOK_REMOVED, subject_of(endpoint))
    return is_removed


def put_notice_away(endpoint: WebhookEndpoint) -> bool:
    """That it was switched off since it did not work. False if there is no such notice."""
    unseen = WebhookEndpoint.objects.noticeable().filter(pk=endpoint.pk)
    return bool(unseen.update(noticed_at=timezone.now()))


def events_of(endpoint: WebhookEndpoint) -> tuple[str, ...]:
    return tuple(event.value for event, field in FIELD_OF_EVENT.items() if getattr(endpoint, field))


def subject_of(endpoint: WebhookEndpoint) -> Subject:
    return Subject("webhook", str(endpoint.pk), endpoint.origin)


def _new_secret() -> Secret:
    return Secret(signing.SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode())


def _locked(endpoint: WebhookEndpoint) -> WebhookEndpoint:
    stored = WebhookEndpoint.objects.select_for_update(no_key=True, of=("self",)).filter(pk=endpoint.pk)
    found = stored.filter(removed_at=None).select_related("key").first()
    if found is None:
        raise EndpointNotFound
    return found


def _require_room(key: ApiKey) -> None:
    """Those who register for one key come after each other, so that none counts what another adds."""
    if not ApiKey.objects.select_for_update(no_key=True).filter(pk=key.pk).exists():
        raise EndpointNotFound
    most = settings.WEBHOOK_ENDPOINTS_PER_KEY
    if WebhookEndpoint.objects.kept().filter(key=key).count() >= most:
        raise TooManyEndpoints(most)


def _save(endpoint: WebhookEndpoint) -> None:
    try:
        with transaction.atomic():
            endpoint.save()
    except IntegrityError as error:
        raise UrlRegistered from error


def _set(endpoint: WebhookEndpoint, changes: Changes) -> dict[str, Any]:
    """What the trail tells of it. A URL may hold a token in its path: only where it goes is told."""
    told: dict[str, Any] = {}
    if changes.url not in (None, endpoint.url):
        before, endpoint.url = endpoint.origin, str(changes.url)
        told["url"] = _from_to(before, endpoint.origin) if before != endpoint.origin else CHANGED
        endpoint.failing_since = endpoint.held_until = None
    if changes.description not in (None, endpoint.description):
        told["description"] = _from_to(endpoint.description, changes.description)
        endpoint.description = _valid_description(str(changes.description))
    if changes.events is not None and set(changes.events) != set(events_of(endpoint)):
        before_events = events_of(endpoint)
        _set_events(endpoint, changes.events)
        told["events"] = _from_to(list(before_events), list(events_of(endpoint)))
    return told


def _set_events(endpoint: WebhookEndpoint, events: Collection[Event]) -> None:
    if not events or not set(events) <= set(EVENTS):
        raise InvalidEndpoint(f"Name at least one of {', '.join(EVENTS)}.", param="events")
    for event, field in FIELD_OF_EVENT.items():
        setattr(endpoint, field, event in events)


def _valid_description(text: str) -> str:
    most = MOST_CHARACTERS_OF_DESCRIPTION
    if len(text) > most or "\x00" in text:
        raise InvalidEndpoint(f"A description is a text of {most} characters at most.", param="description")
    return text


def _switch(endpoint: WebhookEndpoint, is_enabled: bool | None) -> Action | None:
    if is_enabled is None or is_enabled == (endpoint.disabled_at is None):
        return None
    if not is_enabled:
        _disable(endpoint, DisabledBecause.CLIENT)
        return Action.WEBHOOK_SWITCHED_OFF
    if endpoint.disabled_because == DisabledBecause.STAFF:
        raise SwitchedOffByStaff
    _enable(endpoint)
    return Action.WEBHOOK_SWITCHED_ON


def _enable(endpoint: WebhookEndpoint) -> None:
    endpoint.disabled_at = endpoint.noticed_at = endpoint.failing_since = endpoint.held_until = None
    endpoint.disabled_because = ""


def _disable(endpoint: WebhookEndpoint, because: DisabledBecause) -> None:
    endpoint.disabled_at = endpoint.disabled_at or timezone.now()
    endpoint.disabled_because = because


def _has_previous_secret(endpoint: WebhookEndpoint) -> bool:
    """By the clock that the senders go by."""
    return WebhookEndpoint.objects.filter(pk=endpoint.pk, previous_secret_until__gt=Now()).exists()


def _because(endpoint: WebhookEndpoint) -> dict[str, str]:
    return {"because": endpoint.disabled_because} if endpoint.disabled_because else {}


def _from_to(before: object, after: object) -> dict[str, object]:
    return {"from": before, "to": after}
