"""When a call is tried again, and after how long. Clock, sleep and randomness are the test's own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from llmbackends.errors import (
    AuthenticationFailed,
    BackendError,
    BackendFailed,
    BackendTimeout,
    BackendUnavailable,
    BadAnswer,
    ConnectionLost,
    RateLimited,
    RequestError,
)
from llmbackends.retry import RetryPolicy, call_with_retries, parse_retry_after
from tests.asyncio_support import run_async

NOW = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)


class Attempts:
    """Fails with each error in turn, then succeeds."""

    def __init__(self, *errors: BackendError) -> None:
        self.errors = list(errors)
        self.count = 0

    async def __call__(self) -> str:
        self.count += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    async def sleep(self, delay_s: float) -> None:
        self.slept.append(delay_s)
        self.now += delay_s


def call(
    attempts: Attempts, time: Time, *, max_retries: int = 2, deadline: float = 1000.0, randomness: float = 1.0
) -> str:
    return run_async(
        call_with_retries(
            attempts,
            RetryPolicy(max_retries),
            deadline=deadline,
            clock=time.clock,
            sleep=time.sleep,
            randomness=lambda: randomness,
        )
    )


def unavailable(retry_after_s: float | None = None) -> BackendUnavailable:
    return BackendUnavailable("down", status_code=503, retry_after_s=retry_after_s)


@pytest.mark.parametrize(
    "error",
    [unavailable(), RateLimited("slow down"), BackendFailed("500"), ConnectionLost("lost", processed=False)],
)
def test_retry_follows_an_error_that_proves_nothing_was_done(error: BackendError) -> None:
    attempts, time = Attempts(error), Time()

    assert call(attempts, time) == "done"
    assert attempts.count == 2


@pytest.mark.parametrize(
    "error",
    [
        ConnectionLost("lost"),
        BackendTimeout("late"),
        BadAnswer("nonsense"),
        AuthenticationFailed("401"),
        RequestError("400"),
        BackendFailed("500", processed=True),
        BackendUnavailable("certificate", retryable=False),
    ],
)
def test_retry_does_not_follow_any_other_error(error: BackendError) -> None:
    attempts, time = Attempts(error), Time()

    with pytest.raises(BackendError) as caught:
        call(attempts, time)

    assert caught.value is error
    assert attempts.count == 1
    assert time.slept == []


def test_retry_follows_only_the_errors_that_the_policy_names() -> None:
    policy = RetryPolicy(max_retries=2, only=ConnectionLost)

    assert policy.allows(0, ConnectionLost("lost", processed=False))
    assert not policy.allows(0, unavailable())


@pytest.mark.parametrize("max_retries", [0, 1, 3])
def test_retries_end_after_as_many_as_are_allowed(max_retries: int) -> None:
    attempts, time = Attempts(*(unavailable() for _ in range(10))), Time()

    with pytest.raises(BackendUnavailable) as caught:
        call(attempts, time, max_retries=max_retries)

    assert attempts.count == max_retries + 1
    assert caught.value.details["attempts"] == max_retries + 1


def test_backoff_doubles_up_to_the_cap() -> None:
    attempts, time = Attempts(*(unavailable() for _ in range(7))), Time()

    call(attempts, time, max_retries=7)

    assert time.slept == [0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0]


@pytest.mark.parametrize(("randomness", "expected"), [(0.0, 0.0), (0.25, 0.125), (1.0, 0.5)])
def test_backoff_has_full_jitter(randomness: float, expected: float) -> None:
    attempts, time = Attempts(unavailable()), Time()

    call(attempts, time, randomness=randomness)

    assert time.slept == [expected]


def test_retry_after_is_waited_for() -> None:
    attempts, time = Attempts(unavailable(retry_after_s=7.0)), Time()

    call(attempts, time)

    assert time.slept == [7.0]


def test_retry_after_is_capped() -> None:
    attempts, time = Attempts(unavailable(retry_after_s=90.0)), Time()

    call(attempts, time)

    assert time.slept == [30.0]


def test_retry_after_beyond_the_deadline_gives_up_at_once() -> None:
    attempts, time = Attempts(unavailable(retry_after_s=60.0)), Time()

    with pytest.raises(BackendUnavailable) as caught:
        call(attempts, time, deadline=50.0)

    assert caught.value.retry_after_s == 60.0
    assert time.slept == []


def test_no_wait_goes_beyond_the_deadline() -> None:
    attempts, time = Attempts(*(unavailable() for _ in range(10))), Time()

    with pytest.raises(BackendUnavailable):
        call(attempts, time, max_retries=10, deadline=3.0)

    assert time.slept == [0.5, 1.0]


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("12", 12.0),
        (" 0.5 ", 0.5),
        (format_datetime(NOW + timedelta(seconds=20), usegmt=True), 20.0),
        (format_datetime(NOW - timedelta(seconds=20), usegmt=True), 0.0),
        ("Fri Nov 20 12:00:05 2026", 5.0),
        ("-3", None),
        ("soon", None),
        ("", None),
        ("nan", None),
        ("9" * 400, None),
        (None, None),
    ],
)
def test_retry_after_is_read_as_seconds_or_date(value: str | None, seconds: float | None) -> None:
    assert parse_retry_after(value, clock=NOW.timestamp) == seconds
