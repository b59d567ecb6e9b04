from __future__ import annotations

import pytest

from apikeys.limits.window import Window, duration


@pytest.mark.parametrize(
    ("window", "remaining"),
    [
        (Window(10, 0, 0, 0, 0), 10),
        (Window(10, 0, 0, 4, 90), 6),
        (Window(10, 10, 60, 0, 120), 0),
        (Window(10, 10, 59.9, 0, 119.9), 1),
        (Window(10, 10, 30, 3, 90), 2),
        (Window(10, 20, 60, 10, 120), 0),
    ],
)
def test_remaining_counts_the_minute_before_by_what_is_left_of_it(window: Window, remaining: int) -> None:
    assert window.remaining == remaining


def test_retry_after_is_zero_while_a_request_fits() -> None:
    assert Window(10, 0, 0, 9, 90).retry_after_s == 0


def test_retry_after_is_the_end_of_a_minute_that_is_full() -> None:
    assert Window(10, 0, 0, 10, 85).retry_after_s == pytest.approx(25, abs=0.01)


def test_retry_after_is_when_the_minute_before_has_faded_by_one() -> None:
    # 12 * 45 / 60 = 9, and one is there: 12 * 40 / 60 = 8, and another fits.
    assert Window(10, 12, 45, 1, 105).retry_after_s == pytest.approx(0, abs=0.01)
    assert Window(10, 12, 45, 2, 105).retry_after_s == pytest.approx(5, abs=0.01)


@pytest.mark.parametrize(
    "window", [Window(10, 12, 45, 2, 105), Window(10, 0, 0, 10, 85), Window(1, 0, 0, 1, 61)]
)
def test_retry_after_is_the_first_moment_at_which_a_request_fits(window: Window) -> None:
    assert later(window, window.retry_after_s - 0.01).remaining == 0
    assert later(window, window.retry_after_s).remaining >= 1


@pytest.mark.parametrize(
    "window", [Window(10, 12, 45, 2, 105), Window(10, 0, 0, 10, 85), Window(9, 5, 30, 0, 0)]
)
def test_reset_is_when_the_whole_limit_is_there_again(window: Window) -> None:
    assert later(window, window.reset_s - 0.1).remaining < window.limit
    assert later(window, window.reset_s + 0.01).remaining == window.limit


def test_reset_of_an_unused_limit_is_now() -> None:
    assert Window(10, 0, 0, 0, 0).reset_s == 0


def test_headers_are_those_of_openai() -> None:
    assert Window(10, 0, 0, 4, 90).headers() == {
        "X-RateLimit-Limit-Requests": "10",
        "X-RateLimit-Remaining-Requests": "6",
        "X-RateLimit-Reset-Requests": "1m15s",
    }


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0ms"),
        (0.0124, "12ms"),
        (1, "1s"),
        (1.5, "1.5s"),
        (59.9996, "1m0s"),
        (60, "1m0s"),
        (90.25, "1m30.25s"),
    ],
)
def test_duration_is_written_as_openai_does(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def later(window: Window, seconds: float) -> Window:
    """The same counts after `seconds`: past its end the present minute is the one before."""
    ends_in_s = window.current_ttl_s - 60
    if window.current and seconds >= ends_in_s:
        return Window(window.limit, window.current, max(0.0, window.current_ttl_s - seconds), 0, 0)
    previous_ttl_s = max(0.0, window.previous_ttl_s - seconds)
    return Window(
        window.limit, window.previous, previous_ttl_s, window.current, window.current_ttl_s - seconds
    )
