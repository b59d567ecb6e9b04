from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apikeys import issuing
from apikeys.models import ApiKey
from generation.models import GenerationJob
from tests.apikeys.calling import call_with

pytestmark = pytest.mark.django_db

LIST = reverse("admin:apikeys_apikey_changelist")
ADD = reverse("admin:apikeys_apikey_add")


def change_url(key: ApiKey) -> str:
    return reverse("admin:apikeys_apikey_change", args=[key.pk])


def delete_url(key: ApiKey) -> str:
    return reverse("admin:apikeys_apikey_delete", args=[key.pk])


@pytest.fixture
def key() -> ApiKey:
    return issuing.issue(name="robot", scopes=["generate", "read"]).key


@pytest.fixture
def used_key(key: ApiKey) -> ApiKey:
    now = timezone.now()
    GenerationJob.objects.create(key=key, request={}, request_digest="", run_after=now, deadline_at=now)
    return key


def add(client: Client, **changes: object) -> str:
    data = {"name": "desk", "scopes": ["generate"], "expires_at_0": "", "expires_at_1": ""} | changes
    return client.post(ADD, data).content.decode()


@pytest.mark.django_db(transaction=True)
def test_add_shows_the_secret_once_and_it_lets_in(admin_client: Client) -> None:
    page = add(admin_client)

    [secret] = re.findall(r'value="(co_[^"]+)"', page)
    assert call_with({"x-api-key": secret}).name == "desk"
    for url in (LIST, change_url(ApiKey.objects.get())):
        assert secret not in admin_client.get(url).content.decode()
    assert secret not in str(list(LogEntry.objects.values()))


def test_add_answers_with_a_page_that_no_cache_keeps(admin_client: Client) -> None:
    response = admin_client.post(
        ADD, {"name": "desk", "scopes": ["read"], "expires_at_0": "", "expires_at_1": ""}
    )

    assert "no-store" in response["Cache-Control"]
    assert "messages" not in response.cookies


@pytest.mark.parametrize(
    "changes",
    [
        {"name": ""},
        {"scopes": []},
        {"scopes": ["fly"]},
        {"expires_at_0": "2020-01-01", "expires_at_1": "0:00"},
    ],
)
def test_add_refuses_wrong_values(admin_client: Client, changes: dict[str, object]) -> None:
    page = add(admin_client, **changes)

    assert "errorlist" in page
    assert not ApiKey.objects.exists()


def test_change_edits_name_scopes_and_expiry_only(admin_client: Client, key: ApiKey) -> None:
    data = {"name": "renamed", "scopes": ["manage"], "expires_at_0": "2099-01-01", "expires_at_1": "0:00"}
    forged = {"prefix": "co_forged", "digest": "0" * 64, "revoked_at": "2020-01-01"}

    admin_client.post(change_url(key), data | forged)

    changed = ApiKey.objects.get()
    assert (changed.name, changed.scopes, changed.expires_at.year) == ("renamed", ["manage"], 2099)
    assert (changed.prefix, changed.digest, changed.revoked_at) == (key.prefix, key.digest, None)


def test_change_edits_the_limits_where_empty_is_the_setting_and_0_is_none(
    admin_client: Client, key: ApiKey
) -> None:
    data = {"name": key.name, "scopes": key.scopes, "expires_at_0": "", "expires_at_1": ""}

    admin_client.post(change_url(key), data | {"requests_per_minute": "60", "concurrent_requests": "0"})
    changed = ApiKey.objects.get()
    admin_client.post(change_url(key), data | {"requests_per_minute": "", "concurrent_requests": ""})
    cleared = ApiKey.objects.get()

    assert (changed.requests_per_minute, changed.concurrent_requests) == (60, 0)
    assert (cleared.requests_per_minute, cleared.concurrent_requests) == (None, None)


def test_change_shows_the_prefix_and_the_chosen_scopes(admin_client: Client, key: ApiKey) -> None:
    page = admin_client.get(change_url(key)).content.decode()

    assert key.prefix in page
    assert key.digest not in page
    assert len(re.findall(r'name="scopes"[^>]*checked', page)) == 2


def test_list_finds_by_name_and_prefix_and_filters_by_state(admin_client: Client, key: ApiKey) -> None:
    expired = issuing.issue(name="past", scopes=["read"]).key
    ApiKey.objects.filter(pk=expired.pk).update(expires_at=timezone.now() - timedelta(days=1))
    revoked = issuing.issue(name="gone", scopes=["read"]).key
    issuing.revoke(revoked)

    def shown(query: str) -> set[str]:
        page = admin_client.get(f"{LIST}?{query}").content.decode()
        return {each.name for each in ApiKey.objects.all() if each.prefix in page}

    assert shown("") == {"robot", "past", "gone"}
    assert shown(f"q={key.prefix}") == {"robot"}
    assert shown("q=past") == {"past"}
    assert shown("state=usable") == {"robot"}
    assert shown("state=expired") == {"past"}
    assert shown("state=revoked") == {"gone"}


def test_revoke_action_revokes_and_is_logged(admin_client: Client, key: ApiKey) -> None:
    page = admin_client.post(LIST, {"action": "revoke", "_selected_action": [key.pk]}, follow=True)

    assert "1 API key is revoked." in page.content.decode()
    assert ApiKey.objects.get().is_revoked
    assert LogEntry.objects.get().object_id == str(key.pk)


def test_delete_removes_a_key_without_jobs(admin_client: Client, key: ApiKey) -> None:
    admin_client.post(delete_url(key), {"post": "yes"})

    assert not ApiKey.objects.exists()


def test_delete_of_a_key_with_jobs_says_revoke_instead(admin_client: Client, used_key: ApiKey) -> None:
    asked = admin_client.get(delete_url(used_key)).content.decode()
    posted = admin_client.post(delete_url(used_key), {"post": "yes"}).content.decode()

    assert "Revoke them instead" in asked
    assert "Revoke them instead" in posted
    assert ApiKey.objects.exists()


def test_delete_selected_refuses_when_one_key_has_jobs(admin_client: Client, used_key: ApiKey) -> None:
    other = issuing.issue(name="unused", scopes=["read"]).key
    data = {"action": "delete_selected", "_selected_action": [used_key.pk, other.pk], "post": "yes"}

    page = admin_client.post(LIST, data).content.decode()

    assert "Revoke them instead" in page
    assert ApiKey.objects.count() == 2
