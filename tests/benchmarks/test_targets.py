from __future__ import annotations

from benchmarks.targets import Target, judge
from tests.benchmarks import numbers


def _judged(changeover_speed: float = 4_000.0) -> dict[str, Target]:
    return {target.name: target for target in judge(numbers.results(changeover_speed))}


def test_targets_are_ratios_of_the_measured_numbers() -> None:
    found = {name: target.found for name, target in _judged().items()}

    assert found["Requests/s at 16 connections, against LiteLLM's"] == "40.0 times"
    assert found["Added median latency at 1 connection, against LiteLLM's"] == "0.50 ms of 10.00 ms, 1/20"
    assert found["Requests/s at 64 connections, against the bare forwarder's"] == "0.50 times"
    assert found["Memory of each of them"] == "50.0 KB"
    assert found["Added time to the first chunk (median) while 100 streams run"] == "1.00 ms"
    assert found["CPU of a request with 1,000,000 usage rows and 100,000 keys"] == "+5.0%"
    assert found["Requests/s with 1,000,000 usage rows and 100,000 keys"] == "-2.5%"
    assert found["SQL statements for each request at 64 connections"] == "0.050"


def test_targets_that_are_reached_say_so() -> None:
    assert all(target.is_reached for target in _judged().values())


def test_targets_that_are_missed_say_so() -> None:
    missed = [target.name for target in _judged(changeover_speed=1_900).values() if not target.is_reached]

    assert missed == [
        "Requests/s at 16 connections, against LiteLLM's",
        "Requests/s at 64 connections, against LiteLLM's",
        "Requests/s at 64 connections, against the bare forwarder's",
    ]
