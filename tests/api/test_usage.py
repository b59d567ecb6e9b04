from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.api.callers import Caller, InProcessCaller
from tests.api.opacity_support import PROVIDER_WORDS
from tests.usage.entries import entry
from usage import records
from usage.entries import Outcome

URL = "/api/v1/usage"


def day(number: int, **time: int) -> datetime:
    return datetime(2026, 3, number, tzinfo=UTC) + timedelta(**time)


def test_usage_sums_each_day_and_all_of_them(member: Caller) -> None:
    records.store(
        [
            entry(member.key, at=day(1)),
            entry(member.key, at=day(1, hours=23, minutes=59), outcome=Outcome.CANCELLED),
            entry(member.key, at=day(3), prompt_tokens=10, completion_tokens=20),
        ]
    )

    answer = member.get(URL, params={"from": "2026-03-01", "to": "2026-03-31"})

    assert answer.status_code == 200, answer.text
    assert answer.json() == {
        "object": "list",
        "data": [
            {
                "date": "2026-03-01",
                "requests": 2,
                "prompt_tokens": 6,
                "completion_tokens": 4,
                "total_tokens": 10,
            },
            {
                "date": "2026-03-03",
                "requests": 1,
                "prompt_tokens": 10,
                "completion_tokens": 20,
                "total_tokens": 30,
            },
        ],
        "total": {"requests": 3, "prompt_tokens": 16, "completion_tokens": 24, "total_tokens": 40},
        "from": "2026-03-01",
        "to": "2026-03-31",
    }


def test_usage_is_of_the_last_thirty_days_unless_asked_otherwise(member: Caller) -> None:
    today = datetime.now(UTC)
    records.store([entry(member.key, at=today - timedelta(days=ago)) for ago in (0, 29, 30)])

    answer = member.get(URL).json()

    assert answer["total"]["requests"] == 2
    assert answer["from"] == (today - timedelta(days=29)).date().isoformat()


@pytest.mark.parametrize(
    ("given", "first", "last"),
    [
        ({"to": "2026-03-31"}, "2026-03-02", "2026-03-31"),
        ({"from": "2026-03-31", "to": "2026-03-31"}, "2026-03-31", "2026-03-31"),
        ({"from": "2025-03-31", "to": "2026-03-31"}, "2025-03-31", "2026-03-31"),
        ({"to": "2000-01-01"}, "1999-12-03", "2000-01-01"),
    ],
)
def test_usage_says_which_days_it_is_of(
    quick_member: InProcessCaller, given: dict[str, str], first: str, last: str
) -> None:
    query = "&".join(f"{name}={value}" for name, value in given.items())

    answer = quick_member.get(f"{URL}?{query}").json()

    assert (answer["from"], answer["to"], answer["data"]) == (first, last, [])


@pytest.mark.parametrize("scope", ["generate", "read", "manage"])
def test_each_key_sees_its_own_usage_alone(call_as: Callable[..., Caller], scope: str) -> None:
    caller, stranger = call_as(scope), call_as("generate", "read")
    records.store([entry(caller.key), *[entry(stranger.key)] * 2])

    answer = caller.get(URL, params={"from": "2026-03-01", "to": "2026-03-31"}).json()

    assert answer["total"]["requests"] == 1


def test_usage_needs_a_key(anonymous: Any) -> None:
    assert anonymous.get(URL).status_code == 401


def test_usage_names_nothing_behind_the_api(member: Caller) -> None:
    records.store([entry(member.key, at=datetime.now(UTC), config_name="ollama", model_name="gpt")])

    text = member.get(URL).text

    assert '"requests": 1' in text
    assert not PROVIDER_WORDS.findall(text)


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("from=yesterday", "from"),
        ("from=", "from"),
        ("from=1772323200", "from"),
        ("from=2026-03-01T00:00:00", "from"),
        ("to=2026-02-30", "to"),
        ("to=1999-12-31", "to"),
        ("to=9999-12-31", "to"),
        ("from=2026-03-02&to=2026-03-01", "from"),
        ("from=2025-03-30&to=2026-03-31", "from"),
        ("from=2026-03-01&from=2026-03-02", "from"),
        ("first=2026-03-01", "first"),
        ("key=1", "key"),
    ],
)
def test_wrong_parameter_is_named(quick_member: InProcessCaller, query: str, param: str) -> None:
    response = quick_member.get(f"{URL}?{query}")

    assert response.status_code == 422
    assert response.json()["error"]["code"] == "invalid_request"
    assert response.json()["error"]["param"] == param


def test_parameters_are_documented_by_the_names_that_are_sent(member: Caller) -> None:
    page = member.get("/api/v1/openapi.json").json()

    operation = page["paths"][URL]["get"]
    schema = page["components"]["schemas"]["UsageReport"]

    assert [each["name"] for each in operation["parameters"]] == ["from", "to"]
    assert {"from", "to", "data", "total", "object"} == set(schema["properties"])
