from __future__ import annotations

import pytest

from webhooks import schedule

DAYS_3 = 3 * 86_400.0


def pause(
    failures: int, *, age_s: float = 0, asked_s: float | None = None, chance: float = 0.5
) -> float | None:
    return schedule.pause_s(
        failures, round_age_s=age_s, retry_for_s=DAYS_3, asked_s=asked_s, randomness=lambda: chance
    )


def test_pauses_grow_from_seconds_to_hours() -> None:
    assert [pause(failures) for failures in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 50)] == [
        5, 30, 120, 600, 1800, 3600, 7200, 14_400, 28_800, 28_800, 28_800,
    ]  # fmt: skip


@pytest.mark.parametrize(("chance", "pause_s"), [(0.0, 4.0), (0.25, 4.5), (1.0, 6.0)])
def test_pauses_differ_by_chance(chance: float, pause_s: float) -> None:
    assert pause(1, chance=chance) == pytest.approx(pause_s)


def test_a_receiver_may_ask_for_more_patience_but_not_for_less() -> None:
    assert pause(1, asked_s=90) == 90
    assert pause(5, asked_s=90) == 1800
    assert pause(1, asked_s=1e9) == 86_400


def test_message_is_given_up_when_the_next_attempt_would_be_too_late() -> None:
    assert pause(9, age_s=DAYS_3 - 28_800) == 28_800
    assert pause(9, age_s=DAYS_3 - 28_799) is None


def test_message_is_tried_at_least_a_dozen_times() -> None:
    age_s, attempts = 0.0, 1
    while (pause_s := pause(attempts, age_s=age_s)) is not None:
        age_s, attempts = age_s + pause_s, attempts + 1

    assert attempts == 17
    assert age_s > DAYS_3 - 28_800
