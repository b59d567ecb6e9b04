"""What another site could have a visitor's browser do here."""

from __future__ import annotations

import pytest
from django.conf import settings

from .browsers import LOGIN, browser_of, superuser
from .declared import people_may_call
from .routes import Route, all_routes
from .samples import PASSWORD, Samples

pytestmark = pytest.mark.django_db

each_page = pytest.mark.parametrize(
    "route", [each for each in all_routes() if people_may_call(each)], ids=str
)


@each_page
def test_request_that_no_page_of_ours_made_is_refused(route: Route) -> None:
    browser, address = browser_of(superuser(), enforce_csrf_checks=True), route.address(Samples())

    responses = [ask(address) for ask in (browser.post, browser.put, browser.patch, browser.delete)]

    assert [response.status_code for response in responses] == [403] * 4


@each_page
def test_request_of_another_site_is_refused_with_a_token_too(route: Route) -> None:
    """Somebody who could plant a cookie, from a neighbouring domain."""
    browser = browser_of(superuser(), enforce_csrf_checks=True)
    browser.cookies[settings.CSRF_COOKIE_NAME] = "a" * 32
    form = {"csrfmiddlewaretoken": "a" * 32}

    response = browser.post(route.address(Samples()), form, headers={"origin": "https://evil.example"})

    assert response.status_code == 403


@each_page
def test_page_cannot_be_put_into_a_frame(route: Route) -> None:
    browser, address = browser_of(superuser()), route.address(Samples())

    for response in (browser.get(address), browser.post(address)):
        assert response.headers["X-Frame-Options"] == "DENY"


@pytest.mark.parametrize("address", ["/no/such/page", "/admin/no/such/page", "/?name=\x00"])
def test_error_page_cannot_be_put_into_a_frame(address: str) -> None:
    assert browser_of(superuser()).get(address).headers["X-Frame-Options"] == "DENY"


def test_cookies_stay_here() -> None:
    user = superuser()
    user.set_password(PASSWORD)
    user.save()
    browser = browser_of(None)
    browser.post(LOGIN, {"username": user.username, "password": PASSWORD})

    session, csrf = browser.cookies[settings.SESSION_COOKIE_NAME], browser.cookies[settings.CSRF_COOKIE_NAME]

    assert session["httponly"]
    assert (session["samesite"], csrf["samesite"]) == ("Lax", "Lax")
