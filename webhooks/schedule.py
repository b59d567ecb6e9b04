"""When a message that was not taken is sent again, and when it is given up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

PAUSES_S: Final = (5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0, 7200.0, 14_400.0, 28_800.0)
"""After the first failure of a round, the second, …; the last one again and again."""

LONGEST_HOLD_S: Final = 86_400.0
"""A receiver may ask for more, but is called again after a day."""

_JITTER = 0.2


def pause_s(
    failures: int,
    *,
    round_age_s: float,
    retry_for_s: float,
    asked_s: float | None,
    randomness: Callable[[], float],
) -> float | None:
    """Until the next attempt; None: the message is given up, since that would come too late.

    failures: of this round, with the latest, so at least 1. round_age_s: since the round began. asked_s: what
    the receiver wants in a Retry-After. randomness: from 0 to 1.
    """
    usual_s = PAUSES_S[min(failures, len(PAUSES_S)) - 1]
    pause = max(usual_s * (1 + _JITTER * (2 * randomness() - 1)), hold_s(asked_s))
    return pause if round_age_s + pause <= retry_for_s else None


def hold_s(asked_s: float | None) -> float:
    return min(asked_s or 0.0, LONGEST_HOLD_S)
