from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import OperationalError

from epochs.models import Epoch
from llmbackends.errors import BackendUnavailable
from llmbackends.spec import BackendSpec
from llmconfigs import health, health_notes
from llmconfigs.active import ActiveBackend
from llmconfigs.health_notes import Health, HealthNoter
from llmconfigs.models import HealthNote
from llmconfigs.probing import Probe, ProbeFailure
from llmconfigs.selection import ActiveSpec
from tests.asyncio_support import run_async

from .backends import WatchedBackend

WELL = Health(7, True, "It is up.", 0.1)
SICK = Health(7, False, "It is down.")


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class Written:
    """What the noter has written; `fail`: what the next write raises."""

    def __init__(self) -> None:
        self.healths: list[Health] = []
        self.fail: Exception | None = None
        self.threads: set[str] = set()
        self._came = threading.Semaphore(0)

    def __call__(self, health: Health) -> None:
        self.threads.add(threading.current_thread().name)
        error, self.fail = self.fail, None
        self._came.release()
        if error is not None:
            raise error
        self.healths.append(health)

    def wait_for(self, count: int) -> None:
        for _ in range(count):
            assert self._came.acquire(timeout=5)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def written(settings: Any) -> Written:
    settings.HEALTH_NOTE_INTERVAL_S = 30
    return Written()


@pytest.fixture
def noter(written: Written, clock: Clock) -> HealthNoter:
    return HealthNoter(written, clock=clock)


def test_health_is_written_in_another_thread(noter: HealthNoter, written: Written) -> None:
    noter.note_later(WELL)
    written.wait_for(1)

    assert written.threads == {"health-noter"}


def test_same_health_is_written_once_in_the_interval(
    noter: HealthNoter, written: Written, clock: Clock
) -> None:
    for seconds in (0, 10, 19.9):
        clock.now += seconds
        noter.note_later(WELL)
    noter.note_later(Health(8, True, "Another."))
    written.wait_for(2)
    assert {each.config_id for each in written.healths} == {7, 8}

    clock.now += 0.2
    noter.note_later(WELL)
    written.wait_for(1)


def test_change_is_written_at_once(noter: HealthNoter, written: Written) -> None:
    noter.note_later(WELL)
    written.wait_for(1)
    noter.note_later(SICK)
    written.wait_for(1)

    assert written.healths[-1:] in ([SICK], [WELL])  # the semaphore comes just before the list


@pytest.mark.parametrize("error", [OperationalError("away"), RuntimeError("odd")])
def test_failure_is_logged_and_the_next_is_written(
    noter: HealthNoter, written: Written, error: Exception
) -> None:
    written.fail = error
    noter.note_later(WELL)
    written.wait_for(1)

    noter.note_later(SICK)
    written.wait_for(1)


def test_zero_is_never(noter: HealthNoter, written: Written, settings: Any) -> None:
    settings.HEALTH_NOTE_INTERVAL_S = 0

    noter.note_later(WELL)

    assert noter._thread is None


@pytest.mark.django_db
def test_note_is_the_last_known_and_moves_no_epoch() -> None:
    before = list(Epoch.objects.values_list())
    health_notes.note(WELL)
    health_notes.note(SICK)
    health_notes.note(Health(None, True, "The environment\x00 is up."))

    notes = HealthNote.objects.in_bulk()
    assert (notes[7].is_healthy, notes[7].detail, notes[7].took_s) == (False, "It is down.", None)
    assert notes[HealthNote.ENVIRONMENT].detail == "The environment\ufffd is up."
    assert list(Epoch.objects.values_list()) == before


def test_health_from_a_probe() -> None:
    failed = Probe(failure=ProbeFailure("timeout", "Too slow.", "Zu langsam."))

    assert health_notes.health_from(7, failed) == Health(7, False, "Too slow.")
    assert health_notes.health_from(7, Probe(check_s=0.1, detail="Up.")) == Health(7, True, "Up.", 0.1)


def test_checks_of_requests_are_noted(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.LLM_HEALTH_CHECK_TTL_S = 0
    noted: list[Health] = []
    monkeypatch.setattr(health_notes, "note_later", noted.append)

    async def scenario() -> None:
        spec = BackendSpec("dummy", "m")
        backend: Any = WatchedBackend(spec)
        lease = ActiveBackend(ActiveSpec(spec, 7, "mine", 1, "config"), backend)
        await health.ensure_healthy(lease)
        backend.healthy = False
        with pytest.raises(BackendUnavailable):
            await health.ensure_healthy(lease)

    run_async(scenario())

    assert noted == [Health(7, True, "It is up.", 0.0), SICK]


@pytest.mark.django_db(transaction=True)
def test_noter_of_the_process_writes_over_a_connection_of_its_own(settings: Any) -> None:
    thread = threading.Thread(target=lambda: health_notes._note_over_own_connection(WELL))
    thread.start()
    thread.join()

    assert HealthNote.objects.get().config_id == 7
