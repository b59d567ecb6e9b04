from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from apikeys import issuing
from apikeys.digests import digest
from apikeys.models import ApiKey
from tests.people import user_with
from tests.usage.entries import entry
from usage import records
from usage.entries import Outcome
from webhooks import endpoints

pytestmark = pytest.mark.django_db

CREATE, USE = "apikeys.add_own_apikey", "generation.use_playground"
GIVEN = {"name": "Reports", "scopes": ["generate", "read"], "expires_in_days": "30"}
SECRET = re.compile(r"co_[0-9a-f]{10}_[A-Za-z0-9_-]{43}")


@pytest.fixture
def mina() -> User:
    return user_with(CREATE, USE, name="mina")


@pytest.fixture
def browser(mina: User) -> Client:
    return browser_of(mina)


def browser_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_nobody_is_sent_to_the_login(client: Client) -> None:
    for path in ("/keys/", "/keys/new/"):
        assert client.get(path)["Location"] == f"/login/?next={path}"
    assert client.post("/keys/1/revoke/").status_code == 302


def test_page_tells_how_many_webhooks_a_key_has(browser: Client, mina: User) -> None:
    key = issuing.issue(name="Reports", scopes=["read"], owner=mina).key
    assert "webhook" not in browser.get("/keys/").text

    for number in range(2):
        gone = endpoints.register(key, url=f"http://127.0.0.1:9/{number}").endpoint
    assert "2 webhooks" in browser.get("/keys/").text
    endpoints.remove(gone)
    assert "1 webhook<" in browser.get("/keys/").text


def test_form_offers_webhooks_to_who_may_and_not_by_itself(mina: User) -> None:
    assert 'value="webhooks"' not in browser_of(mina).get("/keys/new/").text

    page = (
        browser_of(user_with(CREATE, USE, "webhooks.add_webhookendpoint", name="olga")).get("/keys/new/").text
    )

    (box,) = re.findall(r'<input[^>]*value="webhooks"[^>]*>', page)
    assert "checked" not in box


def test_secret_is_shown_once_and_stored_nowhere(browser: Client, mina: User) -> None:
    response = browser.post("/keys/new/", GIVEN)

    found = SECRET.search(response.content.decode())
    assert found
    key = ApiKey.objects.get()
    assert key.digest == digest(found[0])
    assert (key.owner, key.name, key.scopes) == (mina, "Reports", ["generate", "read"])
    assert key.expires_at is not None
    assert abs(key.expires_at - timezone.now() - timedelta(days=30)) < timedelta(minutes=1)
    assert response["Cache-Control"] == "no-store"
    assert found[0] not in str(dict(browser.session))
    assert not SECRET.search(browser.get("/keys/").content.decode())


def test_who_lacks_the_permission_creates_none() -> None:
    browser = browser_of(user_with(USE, name="noa"))

    assert browser.post("/keys/new/", GIVEN).status_code == 403
    assert "/keys/new/" not in browser.get("/keys/").content.decode()
    assert not ApiKey.objects.exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"scopes": ["generate", "manage"]},
        {"scopes": []},
        {"name": " "},
        {"name": "a" * 101},
        {"expires_in_days": "36500"},
        {"requests_per_minute": "0"},
        {"requests_per_minute": "61"},
        {"concurrent_requests": "9"},
        {"concurrent_requests": "-1"},
        {"requests_per_minute": "9" * 20},
    ],
    ids=str,
)
def test_key_beyond_ones_rights_is_not_made(browser: Client, settings: Any, wrong: dict[str, Any]) -> None:
    settings.API_REQUESTS_PER_MINUTE, settings.API_CONCURRENT_REQUESTS = 60, 8

    response = browser.post("/keys/new/", GIVEN | wrong)

    assert response.status_code == 422
    assert "errorlist" in response.content.decode()
    assert not ApiKey.objects.exists()


def test_fields_that_the_form_does_not_have_are_ignored(browser: Client, mina: User) -> None:
    other = User.objects.create_user("other")

    browser.post("/keys/new/", GIVEN | {"owner": other.pk, "prefix": "co_mine", "digest": "0" * 64})

    key = ApiKey.objects.get()
    assert key.owner == mina
    assert key.prefix != "co_mine"


def test_form_offers_only_what_the_user_may_give() -> None:
    page = browser_of(user_with(CREATE, name="noa")).get("/keys/new/").content.decode()

    assert 'value="read"' in page
    assert 'value="generate"' not in page
    assert 'value="manage"' not in page


def test_list_shows_own_keys_alone_with_what_they_did_today(browser: Client, mina: User) -> None:
    own = issuing.issue(name="Mine", scopes=["read"], owner=mina).key
    issuing.issue(name="Robot", scopes=["read"])
    issuing.issue(name="Theirs", scopes=["read"], owner=User.objects.create_user("other"))
    now = datetime.now(UTC)
    records.store([entry(own, at=now) for _ in range(1234)])
    records.store([entry(own, at=now, outcome=Outcome.REFUSED), entry(own, at=now - timedelta(days=1))])

    page = browser.get("/keys/").content.decode()

    assert "Mine" in page
    assert "Robot" not in page
    assert "Theirs" not in page
    assert "1234" in page


def test_list_shows_what_a_key_may_at_present(browser: Client, mina: User) -> None:
    issuing.issue(name="Mine", scopes=["generate"], owner=mina)
    mina.user_permissions.clear()

    assert "Nothing at present" in browser.get("/keys/").content.decode()


def test_owner_revokes(browser: Client, mina: User) -> None:
    key = issuing.issue(name="Mine", scopes=["read"], owner=mina).key

    page = browser.post(f"/keys/{key.pk}/revoke/", follow=True).content.decode()

    key.refresh_from_db()
    assert key.is_revoked
    assert "is revoked" in page
    assert "/revoke/" not in page


@pytest.mark.parametrize("permissions", [(), ("apikeys.change_apikey", "apikeys.view_apikey")])
def test_key_of_somebody_else_is_not_found(mina: User, permissions: tuple[str, ...]) -> None:
    theirs = issuing.issue(name="Mine", scopes=["read"], owner=mina).key
    robots = issuing.issue(name="Robot", scopes=["read"]).key
    stranger = browser_of(user_with(*permissions, name="noa"))

    for key in (theirs, robots):
        assert stranger.post(f"/keys/{key.pk}/revoke/").status_code == 404
    assert not ApiKey.objects.exclude(revoked_at=None).exists()


def test_posts_need_a_token(mina: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(mina)
    key = issuing.issue(name="Mine", scopes=["read"], owner=mina).key

    assert client.post("/keys/new/", GIVEN).status_code == 403
    assert client.post(f"/keys/{key.pk}/revoke/").status_code == 403
    assert client.get(f"/keys/{key.pk}/revoke/").status_code == 405


def test_names_are_text_on_the_page(browser: Client) -> None:
    evil = "<script>alert(1)</script>"

    issued = browser.post("/keys/new/", GIVEN | {"name": evil}).content.decode()

    assert evil not in issued
    assert evil not in browser.get("/keys/").content.decode()


def test_htmx_gets_the_list_alone(browser: Client, mina: User) -> None:
    key = issuing.issue(name="Mine", scopes=["read"], owner=mina).key

    part = browser.post(f"/keys/{key.pk}/revoke/", headers={"HX-Request": "true"}, follow=True)

    page = part.content.decode()
    assert "<html" not in page
    assert 'hx-swap-oob="true"' in page
