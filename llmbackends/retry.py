"""Trying again: the one place that decides whether, when and how often.

A call is tried again only after an error that says a later attempt may succeed (`retryable`) and proves
that nothing was done yet (`not processed`). Callers see to it that no output has been handed out before an
attempt returns.
"""

from __future__ import annotations

import asyncio
import logging
import math
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TypeVar

from .errors import BackendError

logger = logging.getLogger(__name__)

T = TypeVar("T")
Clock = Callable[[], float]
Sleep = Callable[[float], Awaitable[None]]
Randomness = Callable[[], float]
"""A number from 0 to 1, each as likely as the other."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential backoff with full jitter.

    Before retry n the wait is anything from 0 to base * 2**n, or to the cap where that is less.
    max_retries: further attempts after the first.
    retry_after_cap_s: the longest wait that a provider may ask for.
    only: the errors that may be followed by another attempt.
    """

    max_retries: int
    base_s: float = 0.5
    cap_s: float = 8.0
    retry_after_cap_s: float = 30.0
    only: type[BackendError] = BackendError

    def delay_s(self, retry: int, error: BackendError, randomness: Randomness) -> float:
        """How long to wait before retry number `retry`, counted from 0."""
        backoff_s = randomness() * min(self.cap_s, self.base_s * 2.0**retry)
        return max(backoff_s, min(error.retry_after_s or 0.0, self.retry_after_cap_s))

    def allows(self, retry: int, error: BackendError) -> bool:
        is_harmless = isinstance(error, self.only) and error.retryable and not error.processed
        return is_harmless and retry < self.max_retries


async def call_with_retries(
    attempt: Callable[[], Awaitable[T]],
    policy: RetryPolicy,
    *,
    deadline: float,
    clock: Clock | None = None,
    sleep: Sleep = asyncio.sleep,
    randomness: Randomness = random.random,
) -> T:
    """The first result of `attempt`, or the error of the last one.

    deadline: of `clock` (default: the event loop's). A wait that would end after it, or that the provider
    wants to last beyond it, is not begun: the error is raised at once.
    """
    now = clock or asyncio.get_running_loop().time
    retry = 0
    while True:
        try:
            return await attempt()
        except BackendError as error:
            delay_s = policy.delay_s(retry, error, randomness)
            asked_s = max(delay_s, error.retry_after_s or 0.0)
            if not policy.allows(retry, error) or now() + asked_s >= deadline:
                error.details["attempts"] = retry + 1
                raise
            logger.info("Attempt %d failed (%s); trying again in %.2f s.", retry + 1, error, delay_s)
        await sleep(delay_s)
        retry += 1


def parse_retry_after(value: str | None, clock: Clock = time.time) -> float | None:
    """Seconds from a Retry-After header: a number or an HTTP date. None if there is none that makes sense."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.replace(".", "", 1).isdigit():
        seconds = float(text)
        return seconds if math.isfinite(seconds) else None
    try:
        moment = parsedate_to_datetime(text)
        if moment.tzinfo is None:  # HTTP dates are in GMT, said or not
            moment = moment.replace(tzinfo=UTC)
        return max(0.0, moment.timestamp() - clock())
    except (ValueError, OverflowError):
        return None
