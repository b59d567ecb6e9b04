"""A Host that is not ours, and headers of a proxy that is none."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from .browsers import LOGIN, browser_of, superuser
from .declared import people_may_call
from .routes import Route, all_routes
from .samples import PASSWORD, Samples

pytestmark = pytest.mark.django_db

EVIL = "evil.example"
HOSTILE = {
    "x-forwarded-host": EVIL,
    "x-forwarded-server": EVIL,
    "x-forwarded-proto": "https",
    "x-forwarded-port": "6666",
    "x-forwarded-for": "192.0.2.66",
    "x-forwarded-prefix": f"//{EVIL}",
    "x-original-url": f"//{EVIL}/",
    "x-rewrite-url": f"//{EVIL}/",
    "x-host": EVIL,
    "forwarded": f"for=192.0.2.66;host={EVIL};proto=https",
    "referer": f"https://{EVIL}/",
}

each_page = pytest.mark.parametrize(
    "route", [each for each in all_routes() if people_may_call(each)], ids=str
)


def shown(response: Any) -> str:
    """All of an answer that a browser gets."""
    body = "" if response.streaming else response.content.decode()
    return f"{response.headers} {response.cookies} {body}"


@each_page
def test_page_ignores_headers_of_a_proxy(route: Route) -> None:
    browser, address = browser_of(superuser()), route.address(Samples())
    nobody = browser_of(None)

    for response in (
        browser.get(address, headers=HOSTILE),
        browser.post(address, headers=HOSTILE),
        nobody.get(address, headers=HOSTILE),
    ):
        assert EVIL not in shown(response)
        assert ":6666" not in shown(response)
        assert "https://" not in response.headers.get("Location", "")


@pytest.mark.parametrize(
    "host", [EVIL, f"localhost.{EVIL}", f"localhost@{EVIL}", f"{EVIL}/localhost", "", "["]
)
@pytest.mark.parametrize("address", ["/", "/admin/", LOGIN, "/no/such/page"])
def test_page_does_not_answer_under_another_name(address: str, host: str) -> None:
    response = browser_of(superuser()).get(address, headers={"host": host})

    assert response.status_code == 400
    assert EVIL not in shown(response)


@pytest.mark.parametrize("address", [f"{LOGIN}?next=/admin/", "/password/"])
def test_form_leads_back_here_whatever_a_proxy_says(address: str) -> None:
    user = superuser()
    user.set_password(PASSWORD)
    user.save()
    browser = browser_of(user if "password" in address else None)
    form = {
        "username": user.username,
        "password": PASSWORD,
        "old_password": PASSWORD,
        "new_password1": f"{PASSWORD}-2",
        "new_password2": f"{PASSWORD}-2",
    }

    response = browser.post(address, form, headers=HOSTILE)

    now = User.objects.get()
    assert response.status_code == 302
    assert response["Location"].startswith("/")
    assert (now.last_login, now.password) != (user.last_login, user.password)


def test_forwarded_protocol_counts_only_where_the_setting_says_so(settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = True
    browser = browser_of(None)

    redirected = browser.get(LOGIN, headers=HOSTILE)
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    served = browser.get(LOGIN, headers=HOSTILE)

    assert (redirected.status_code, redirected["Location"]) == (301, f"https://testserver{LOGIN}")
    assert served.status_code == 200
