from __future__ import annotations

import threading

import pytest
from django.db import connections

from generation.models import Lease
from generation.running import leases
from tests.generation.jobs import seconds_ago


def lapse() -> None:
    Lease.objects.update(expires_at=seconds_ago(1))


def test_first_who_comes_holds_it_and_nobody_else(db: None) -> None:
    fence = leases.hold("work", "a", lease_s=30)

    assert fence is not None
    assert leases.is_held("work", "a", fence)
    assert leases.hold("work", "b", lease_s=30) is None


def test_holder_keeps_its_fence_while_it_renews(db: None) -> None:
    assert leases.hold("work", "a", lease_s=30) == leases.hold("work", "a", lease_s=30)


def test_lapsed_lease_is_taken_over_with_a_new_fence(db: None) -> None:
    first = leases.hold("work", "a", lease_s=30)
    lapse()

    second = leases.hold("work", "b", lease_s=30)

    assert first is not None
    assert second is not None
    assert second > first
    assert not leases.is_held("work", "a", first)
    assert leases.hold("work", "a", lease_s=30) is None


def test_holder_that_comes_late_has_a_new_fence_too(db: None) -> None:
    first = leases.hold("work", "a", lease_s=30)
    lapse()

    assert leases.hold("work", "a", lease_s=30) != first


def test_released_lease_is_free_at_once(db: None) -> None:
    leases.hold("work", "a", lease_s=30)
    leases.release("work", "b")
    assert leases.hold("work", "b", lease_s=30) is None

    leases.release("work", "a")

    assert leases.hold("work", "b", lease_s=30) is not None


def test_leases_of_two_works_are_apart(db: None) -> None:
    leases.hold("work", "a", lease_s=30)

    assert leases.hold("other work", "b", lease_s=30) is not None


@pytest.mark.django_db(transaction=True)
def test_of_many_who_come_at_once_one_holds_it() -> None:
    fences: list[int | None] = []
    together = threading.Barrier(6)

    def hold(number: int) -> None:
        together.wait()
        fences.append(leases.hold("work", f"holder {number}", lease_s=30))
        connections.close_all()

    threads = [threading.Thread(target=hold, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(fence is not None for fence in fences) == 1
