from __future__ import annotations

import pytest

from generation.models import GenerationJob
from tests.api.callers import Caller, InProcessCaller

URL = "/api/v1/generations"


def ids(caller: Caller, **parameters: object) -> list[str]:
    response = caller.get(URL, params=parameters)
    assert response.status_code == 200, response.text
    return [each["id"] for each in response.json()["data"]]


def test_list_shows_the_newest_first_as_get_shows_them(member: Caller) -> None:
    paths = [member.submit() for _ in range(3)]

    body = member.get(URL).json()

    assert body["object"] == "list"
    assert body["next_cursor"] is None
    assert body["data"] == [member.get(path).json() for path in reversed(paths)]


def test_list_pages_through_all_of_them_once(member: Caller) -> None:
    paths = [member.submit() for _ in range(5)]

    seen, cursor = [], None
    for _ in range(3):
        page = member.get(URL, params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        seen += [each["status_url"] for each in page["data"]]
        cursor = page["next_cursor"]

    assert seen == list(reversed(paths))
    assert cursor is None


def test_list_filters_by_status(member: Caller) -> None:
    cancelled = member.submit()
    queued = member.submit()
    member.post(f"{cancelled}/cancel")

    assert ids(member, status="cancelled") == [cancelled.rpartition("/")[2]]
    assert ids(member, status="queued") == [queued.rpartition("/")[2]]
    assert ids(member, status="failed") == []


def test_list_shows_own_generations_and_to_managers_all(
    member: Caller, stranger: Caller, manager: Caller
) -> None:
    own = member.submit().rpartition("/")[2]
    foreign = stranger.submit().rpartition("/")[2]

    assert ids(member) == [own]
    assert ids(stranger) == [foreign]
    assert ids(manager) == [foreign, own]


def test_cursor_of_another_key_shows_nothing_foreign(member: Caller, stranger: Caller) -> None:
    for caller in (member, stranger, member, stranger):
        caller.submit()
    cursor = member.get(URL, params={"limit": 1}).json()["next_cursor"]

    shown = ids(stranger, cursor=cursor)

    assert set(shown) <= {str(job.pk) for job in GenerationJob.objects.filter(key=stranger.key)}


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=-1", "limit"),
        ("limit=ten", "limit"),
        ("limit=", "limit"),
        ("limit=99999999999999999999999", "limit"),
        ("status=done", "status"),
        ("status=", "status"),
        ("cursor=x", "cursor"),
        ("cursor=%00", "cursor"),
        ("cursor=%ff", "cursor"),
        ("cursor=" + "a" * 500, "cursor"),
        ("page=2", "page"),
        ("limit=2&limit=3", "limit"),
        ("limit=2&offset=5", "offset"),
    ],
)
def test_wrong_parameter_is_named(quick_member: InProcessCaller, query: str, param: str) -> None:
    response = quick_member.get(f"{URL}?{query}")

    assert response.status_code == 422
    assert response.json()["error"]["code"] == "invalid_request"
    assert response.json()["error"]["param"] == param


def test_too_many_parameters_are_refused(quick_member: InProcessCaller) -> None:
    query = "&".join(f"p{number}=1" for number in range(1001))

    response = quick_member.get(f"{URL}?{query}")

    assert response.status_code == 422
    assert response.json()["error"]["code"] == "invalid_request"
