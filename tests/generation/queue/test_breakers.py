from __future__ import annotations

import pytest
from django.conf import LazySettings

from generation.models import Breaker
from generation.queue import breakers
from generation.queue.breakers import backend_of
from llmbackends.spec import BackendSpec
from llmconfigs.selection import ActiveSpec
from tests.generation.jobs import seconds_ago

SPEC = BackendSpec(provider="dummy", model="dummy")
MAIN = backend_of(ActiveSpec(SPEC, 7, "Main", 2, "config"))


@pytest.fixture(autouse=True)
def _few(settings: LazySettings, db: None) -> None:
    settings.GENERATION_BREAKER_FAILURES = 3
    settings.GENERATION_BREAKER_PROBE_S = 10


def fail(times: int = 1, *, retry_after_s: float = 0, was_probe: bool = False) -> None:
    for _ in range(times):
        breakers.note_failure(
            MAIN, name="Main", reason="refused", retry_after_s=retry_after_s, was_probe=was_probe
        )


def is_open() -> bool:
    state = breakers.read().get(MAIN)
    return state is not None and state.is_open


def probe_is_due() -> None:
    Breaker.objects.update(probe_at=seconds_ago(1))


def test_breaker_opens_after_as_many_failures_in_a_row_as_the_settings_say() -> None:
    fail(2)
    assert not is_open()

    fail()

    assert is_open()
    assert [(each.name, each.reason) for each in breakers.open_breakers()] == [("Main", "refused")]


def test_success_between_begins_the_count_anew() -> None:
    fail(2)
    breakers.note_success(MAIN)
    fail(2)

    assert not is_open()


def test_breaker_of_another_version_or_configuration_is_closed() -> None:
    fail(3)

    others = [
        ActiveSpec(SPEC, 7, "Main", 3, "config"),
        ActiveSpec(SPEC, 8, "Other", 2, "config"),
        ActiveSpec(SPEC, None, "", 0, "environment"),
    ]
    assert {backend_of(active) for active in others}.isdisjoint(breakers.read())


def test_environment_that_says_something_else_has_another_breaker() -> None:
    other = BackendSpec(provider="dummy", model="other")

    names = {backend_of(ActiveSpec(spec, None, "", 0, "environment")) for spec in (SPEC, other)}

    assert len(names) == 2


def test_one_probe_at_a_time_and_none_before_its_time() -> None:
    fail(3)
    assert not breakers.begin_probe(MAIN, hold_s=30)

    probe_is_due()

    assert [breakers.begin_probe(MAIN, hold_s=30) for _ in range(3)] == [True, False, False]


def test_probe_of_a_process_that_died_does_not_block_the_next() -> None:
    fail(3)
    probe_is_due()
    assert breakers.begin_probe(MAIN, hold_s=-1)

    assert breakers.begin_probe(MAIN, hold_s=30)


def test_probe_without_a_job_may_be_made_again() -> None:
    fail(3)
    probe_is_due()
    breakers.begin_probe(MAIN, hold_s=30)

    breakers.end_probe(MAIN)

    assert breakers.begin_probe(MAIN, hold_s=30)


def test_failed_probe_keeps_it_open_for_longer() -> None:
    fail(3)
    first = breakers.read()[MAIN].probe_at
    probe_is_due()
    breakers.begin_probe(MAIN, hold_s=30)

    fail(was_probe=True)

    second = breakers.read()[MAIN].probe_at
    assert is_open()
    assert first is not None
    assert second is not None
    assert second - first > 5


def test_successful_probe_closes_it() -> None:
    fail(3)
    probe_is_due()
    breakers.begin_probe(MAIN, hold_s=30)

    assert [breakers.note_success(MAIN) for _ in range(2)] == [True, False]

    assert not is_open()
    assert not breakers.open_breakers().exists()


def test_model_that_asks_to_be_left_alone_is() -> None:
    fail(3, retry_after_s=120)

    breaker = Breaker.objects.get()
    assert breaker.probe_at is not None
    assert breaker.opened_at is not None
    assert (breaker.probe_at - breaker.opened_at).total_seconds() == pytest.approx(120, abs=2)


def test_old_breakers_are_forgotten() -> None:
    fail(3)
    Breaker.objects.update(failed_at=seconds_ago(90_000))

    breakers.forget_old()

    assert not Breaker.objects.exists()
