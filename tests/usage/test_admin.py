from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apikeys import issuing
from apikeys.models import ApiKey
from tests.usage.entries import AT, entry
from usage import records
from usage.entries import Outcome
from usage.models import UsageRecord

LIST = "/admin/usage/usagerecord/"


@pytest.fixture
def viewer(db: None) -> Client:
    user = User.objects.create_user("viewer", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_usagerecord"))
    client = Client()
    client.force_login(user)
    return client


def shown_at(client: Client, query: str = "") -> set[str]:
    """The request ids on the page."""
    page = client.get(LIST + query)
    assert page.status_code == 200
    return {row.request_id for row in page.context["cl"].result_list}


def test_list_shows_records_with_few_queries_however_many_there_are(
    viewer: Client, key: ApiKey, django_assert_max_num_queries
) -> None:
    records.store([entry(key, request_id=f"r-{number}") for number in range(50)])

    with django_assert_max_num_queries(12):
        page = viewer.get(LIST).content.decode()

    assert page.count("codellama:13b") >= 50
    assert "Client" in page


def test_list_counts_a_bounded_number_of_records(viewer: Client, key: ApiKey, monkeypatch) -> None:
    monkeypatch.setattr("adminlists.paging.MOST_COUNTED", 150)
    records.store([entry(key)] * 200)

    with CaptureQueriesContext(connection) as queries:
        first, last = viewer.get(LIST), viewer.get(LIST + "?p=2")

    counts = [each["sql"] for each in queries if "COUNT(" in each["sql"].upper()]
    assert counts
    assert all("LIMIT 150" in sql for sql in counts)
    assert len(first.context["cl"].result_list) == 100
    assert len(last.context["cl"].result_list) == 50


def test_list_shows_the_latest_first(viewer: Client, key: ApiKey) -> None:
    moments = [AT, AT + timedelta(hours=1), AT - timedelta(hours=1)]
    records.store([entry(key, at=at, request_id=f"r-{number}") for number, at in enumerate(moments)])

    page = viewer.get(LIST)

    assert [row.request_id for row in page.context["cl"].result_list] == ["r-1", "r-0", "r-2"]


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("?outcome__exact=failed", {"failed"}),
        ("?route=jobs", {"job"}),
        ("?config=Other", {"other"}),
        ("?day=2026-03-05", {"later"}),
        ("?day=2026-13-99", {"failed", "job", "other", "later", "plain"}),
        ("?day=9999-12-31", {"failed", "job", "other", "later", "plain"}),
        ("?key=99999999999999999999999", {"failed", "job", "other", "later", "plain"}),
        ("?key=999999999999999999", set()),
        ("?key=x", {"failed", "job", "other", "later", "plain"}),
        ("?q=plain", {"plain"}),
        ("?q=plai", set()),
        ("?day=2026-03-04&route=jobs", {"job"}),
    ],
)
def test_list_can_be_narrowed(viewer: Client, key: ApiKey, query: str, shown: set[str]) -> None:
    records.store(
        [
            entry(key, request_id="plain"),
            entry(key, request_id="failed", outcome=Outcome.FAILED),
            entry(key, request_id="job", route="jobs"),
            entry(key, request_id="other", config_name="Other"),
            entry(key, request_id="later", at=datetime(2026, 3, 5, 0, 0, 1, tzinfo=UTC)),
        ]
    )

    assert shown_at(viewer, query) == shown


def test_list_can_be_narrowed_to_a_key(viewer: Client, key: ApiKey) -> None:
    other = issuing.issue(name="Other", scopes=["read"]).key
    records.store([entry(key, request_id="mine"), entry(other, request_id="theirs")])

    assert shown_at(viewer, f"?key={other.pk}") == {"theirs"}


def test_filters_offer_what_there_is(viewer: Client, key: ApiKey) -> None:
    records.store([entry(key, route="responses", config_name="Deleted since")])

    page = viewer.get(LIST).content.decode()

    assert "?route=responses" in page
    assert "Deleted since" in page
    assert f"?key={key.pk}" in page
    assert f"?day={datetime.now(UTC).date()}" in page


def test_record_is_shown_whole(viewer: Client, key: ApiKey) -> None:
    records.store([entry(key, error_code="backend_timeout", outcome=Outcome.FAILED)])

    page = viewer.get(f"{LIST}{UsageRecord.objects.get().pk}/change/").content.decode()

    assert "backend_timeout" in page
    assert 'name="_save"' not in page


def test_records_cannot_be_written_in_the_admin(admin_client: Client, key: ApiKey) -> None:
    records.store([entry(key)])
    row = f"{LIST}{UsageRecord.objects.get().pk}"

    changed = admin_client.post(f"{row}/change/", {"prompt_tokens": "0"})
    added = admin_client.get(f"{LIST}add/")
    deleted = admin_client.post(f"{row}/delete/", {"post": "yes"})

    assert (changed.status_code, added.status_code, deleted.status_code) == (403, 403, 403)
    assert UsageRecord.objects.get().prompt_tokens == 3


def test_stranger_is_sent_to_the_login(client: Client, key: ApiKey) -> None:
    assert client.get(LIST).status_code == 302


def test_key_that_was_used_is_kept(admin_client: Client, key: ApiKey) -> None:
    records.store([entry(key)] * 3)

    with CaptureQueriesContext(connection) as queries:
        page = admin_client.get(f"/admin/apikeys/apikey/{key.pk}/delete/").content.decode()
    admin_client.post(f"/admin/apikeys/apikey/{key.pk}/delete/", {"post": "yes"})

    assert key.is_protected()
    assert ApiKey.objects.filter(pk=key.pk).exists()
    assert "r-1" not in page
    assert all("LIMIT 1" in each["sql"] for each in queries if "usage_usagerecord" in each["sql"])
