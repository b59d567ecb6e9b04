from __future__ import annotations

import pytest
from django.db import transaction
from django.test import override_settings

from apikeys import issuing
from audit import keys, trail
from audit.actions import Action
from audit.models import AuditEvent
from audit.stored import verify_stored
from tests.audit.beside import THREADS, beside

EVENTS = 15

pytestmark = pytest.mark.django_db(transaction=True)


@override_settings(AUDIT_CHECKPOINT_EVERY=7)
def test_events_of_many_threads_make_one_chain_without_a_gap() -> None:
    def work(thread: int) -> None:
        for number in range(EVENTS):
            with transaction.atomic():
                trail.record(Action.LOGIN, trail.Subject("user", str(thread), str(number)))

    beside(work)

    report = verify_stored(keys.trusted())
    assert report.faults == []
    assert report.last_number == report.events == THREADS * EVENTS
    assert report.checkpoints == 1 + (THREADS * EVENTS - 1) // 7


def test_transactions_that_are_rolled_back_leave_no_gap() -> None:
    def work(thread: int) -> None:
        for number in range(EVENTS):
            with transaction.atomic():
                trail.record(Action.LOGIN, trail.Subject("user", str(thread), str(number)))
                transaction.set_rollback(number % 2 == 0)

    beside(work)

    report = verify_stored(keys.trusted())
    assert report.faults == []
    assert report.events == THREADS * (EVENTS // 2)


def test_keys_that_are_issued_and_revoked_beside_each_other_wait_for_each_other_in_one_order() -> None:
    def work(thread: int) -> None:
        for _ in range(3):
            issuing.revoke(issuing.issue(name=f"robot {thread}", scopes=["read"]).key)

    beside(work)

    assert verify_stored(keys.trusted()).faults == []
    assert AuditEvent.objects.filter(action=Action.KEY_REVOKED).count() == THREADS * 3
