from __future__ import annotations

import pytest
from django.db import transaction

from audit import trail
from audit.actions import Action
from audit.chaining import chained_values, digest_of
from audit.context import Actor, Origin, acting
from audit.models import AuditEvent


@pytest.mark.django_db(transaction=True)
def test_record_outside_a_transaction_is_refused() -> None:
    with pytest.raises(RuntimeError, match="transaction"):
        trail.record(Action.LOGIN)


@pytest.mark.django_db
def test_events_are_numbered_and_tied_to_each_other() -> None:
    first = trail.record(Action.KEY_ISSUED, trail.Subject("apikey", "1", "plugin"))
    second = trail.record(Action.KEY_REVOKED, trail.Subject("apikey", "1", "plugin"))

    assert second.number == first.number + 1
    assert second.previous_digest == first.digest
    stored = AuditEvent.objects.get(pk=second.number)
    assert digest_of(chained_values(stored)) == stored.digest


@pytest.mark.django_db
def test_an_event_names_who_acted_from_where() -> None:
    with acting(Origin(Actor(7, "kim"), "192.0.2.1", "request-1")):
        event = trail.record(Action.LOGIN)

    assert (event.actor_id, event.actor_name, event.address) == (7, "kim", "192.0.2.1")
    assert event.request_id == "request-1"


@pytest.mark.django_db
def test_details_are_stored_as_they_were_hashed() -> None:
    event = trail.record(Action.CONFIG_CHANGED, details={"b": 1.0, "a": "모델", "c": 1e20})

    stored = AuditEvent.objects.get(pk=event.number)
    assert stored.details_json == '{"a":"모델","b":1.0,"c":1e+20}'
    assert digest_of(chained_values(stored)) == stored.digest


@pytest.mark.django_db
def test_text_that_no_database_takes_is_recorded_all_the_same() -> None:
    event = trail.record(Action.LOGIN_FAILED, trail.Subject("user", "", "a\x00\ud800" + "x" * 500))

    assert len(AuditEvent.objects.get(pk=event.number).subject_name) == 200


@pytest.mark.django_db(transaction=True)
def test_an_event_goes_with_the_transaction_it_tells_of() -> None:
    with transaction.atomic():
        trail.record(Action.LOGIN)
        transaction.set_rollback(True)

    assert not AuditEvent.objects.exists()
