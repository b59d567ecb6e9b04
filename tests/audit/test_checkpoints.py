from __future__ import annotations

import pytest
from django.test import override_settings

from audit import keys, trail
from audit.actions import Action
from audit.models import AuditEvent, Checkpoint
from audit.signing import Signer, derived_seed
from audit.stored import verify_stored
from tests.audit.tampering import tamper

pytestmark = pytest.mark.django_db


def record(count: int) -> AuditEvent:
    for _ in range(count):
        event = trail.record(Action.LOGIN)
    return event


def sealed() -> list[int]:
    return list(Checkpoint.objects.order_by("number").values_list("number", flat=True))


@override_settings(AUDIT_CHECKPOINT_EVERY=3)
def test_the_first_event_is_sealed_and_then_one_in_so_many() -> None:
    record(8)

    assert sealed() == [1, 4, 7]
    assert verify_stored(keys.trusted()).faults == []


def test_a_new_interval_holds_from_the_next_checkpoint_on() -> None:
    with override_settings(AUDIT_CHECKPOINT_EVERY=2):
        record(3)
    with override_settings(AUDIT_CHECKPOINT_EVERY=4):
        record(7)

    assert sealed() == [1, 3, 5, 9]
    assert verify_stored(keys.trusted()).faults == []


def test_without_a_signing_key_one_is_derived_from_the_secret_key() -> None:
    with override_settings(AUDIT_SIGNING_KEY=None, SECRET_KEY="one"):
        one = keys.signer().public_key
    with override_settings(AUDIT_SIGNING_KEY=None, SECRET_KEY="other"):
        other = keys.signer().public_key

    assert one == Signer(derived_seed("one")).public_key != other


def test_checkpoints_of_a_former_key_count_while_it_is_trusted() -> None:
    former = Signer(b"f" * 32)
    with override_settings(AUDIT_SIGNING_KEY=b"f" * 32, AUDIT_CHECKPOINT_EVERY=1):
        record(1)
    with override_settings(AUDIT_SIGNING_KEY=b"n" * 32, AUDIT_CHECKPOINT_EVERY=1):
        record(1)
        forgotten = verify_stored(keys.trusted())
        with override_settings(AUDIT_TRUSTED_KEYS=[former.public_key]):
            trusted = verify_stored(keys.trusted())

    assert [former.key_id in str(fault) for fault in forgotten.faults] == [True]
    assert trusted.faults == []


@override_settings(AUDIT_CHECKPOINT_EVERY=2)
@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ("UPDATE audit_auditevent SET actor_name = 'x' WHERE number = 4", "Event 4: it was changed"),
        ("UPDATE audit_auditevent SET number = 40 WHERE number = 4", "Event 4: missing"),
        ("DELETE FROM audit_auditevent WHERE number IN (2, 3)", "Events 2 to 3: missing"),
        ("DELETE FROM audit_auditevent WHERE number < 3", "Events 1 to 2: missing"),
        ("DELETE FROM audit_auditevent WHERE number > 3", "Events 4 to 5: missing at the end"),
        ("DELETE FROM audit_auditevent", "Events 1 to 5: missing at the end"),
        ("DELETE FROM audit_checkpoint WHERE number = 3", "Checkpoint at event 3: it is missing"),
        ("DELETE FROM audit_checkpoint WHERE number = 5", "Checkpoint at event 5: it is missing"),
        ("DELETE FROM audit_checkpoint", "Checkpoint at event 1: it is missing, and there is no other"),
        ("UPDATE audit_checkpoint SET every = 9 WHERE number = 5", "Checkpoint at event 5: its signature"),
    ],
)
def test_what_was_done_to_the_tables_is_found(change: str, fault: str) -> None:
    record(6)

    tamper(change)

    assert any(str(found).startswith(fault) for found in verify_stored(keys.trusted()).faults)


def test_a_long_trail_is_read_in_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audit.stored.PAGE", 3)
    with override_settings(AUDIT_CHECKPOINT_EVERY=2):
        record(10)

    report = verify_stored(keys.trusted())

    assert (report.events, report.checkpoints, report.faults) == (10, 5, [])
