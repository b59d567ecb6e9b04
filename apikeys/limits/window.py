"""What a sliding window says: how many requests are left, and when it will say something else.

The count of the minute before fades out while the present minute passes:
`previous * (what is left of its time) / 60 + current`, rounded down.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import floor

MINUTE_S = 60
# Past a boundary and not on it, where both sides would still count.
_JUST_AFTER_S = 0.001


@dataclass(frozen=True, slots=True)
class Window:
    """The state after a request was counted or refused.

    previous_ttl_s: until the minute before counts no more, 60 at most. current_ttl_s: until the present
    minute counts no more, so 60 to 120; 0 where nothing was counted.
    """

    limit: int
    previous: int
    previous_ttl_s: float
    current: int
    current_ttl_s: float

    @property
    def remaining(self) -> int:
        return max(0, self.limit - floor(self.previous * self.previous_ttl_s / MINUTE_S) - self.current)

    @property
    def reset_s(self) -> float:
        """Seconds until the whole limit is there again, if nothing more is asked."""
        count, ttl_s = (
            (self.current, self.current_ttl_s) if self.current else (self.previous, self.previous_ttl_s)
        )
        # The last request of a count is forgotten when less than one of it is left.
        return max(0.0, ttl_s - MINUTE_S / count) if count else 0.0

    @property
    def retry_after_s(self) -> float:
        """Seconds until one request fits."""
        if self.remaining:
            return 0.0
        if self.current >= self.limit:
            return max(0.0, self.current_ttl_s - MINUTE_S) + _JUST_AFTER_S
        fading_s = MINUTE_S * (self.limit - self.current) / self.previous
        return max(0.0, self.previous_ttl_s - fading_s) + _JUST_AFTER_S

    def headers(self) -> dict[str, str]:
        return {
            "X-RateLimit-Limit-Requests": str(self.limit),
            "X-RateLimit-Remaining-Requests": str(self.remaining),
            "X-RateLimit-Reset-Requests": duration(self.reset_s),
        }


def duration(seconds: float) -> str:
    """As OpenAI writes it: "12ms", "1.5s", "1m30s".

    https://developers.openai.com/api/docs/guides/rate-limits#rate-limits-in-headers, read 2026-11-24
    """
    milliseconds = round(seconds * 1000)
    if milliseconds < 1000:
        return f"{milliseconds}ms"
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes}m{rest / 1000:g}s" if minutes else f"{rest / 1000:g}s"
