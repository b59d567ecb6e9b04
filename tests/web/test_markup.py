"""What people, models and providers write comes to a page as text, whatever it is."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client

from .browsers import LOGIN, browser_of, superuser
from .declared import people_may_call
from .html import Page, inline_code
from .routes import Route, all_routes
from .samples import Samples

pytestmark = pytest.mark.django_db

# It ends attributes, scripts, comments and text areas, each of which it could stand in.
PROBE = "\"'`--></script></style></textarea></title><xss-probe xss-probe=1 onclick=xss()>{{9973*9967}}"
CALCULATED = str(9973 * 9967)
each_page = pytest.mark.parametrize(
    "route", [each for each in all_routes() if people_may_call(each)], ids=str
)


def assert_harmless(response: Any) -> None:
    if not response.headers.get("Content-Type", "").startswith("text/html"):
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        return
    page = Page(response)
    assert not [each for each in page.elements if "xss-probe" in (each[0], *each[1])]
    assert not any("xss-probe" in script for script in page.scripts)
    assert CALCULATED not in page.text
    assert list(inline_code(page)) == []


@pytest.mark.parametrize(
    "markup",
    [
        PROBE,
        f'<p title="{PROBE}">',
        f"<textarea>{PROBE}</textarea>",
        "<a href=' javascript:a()'>",
        "<p onclick=a()>",
        "<p hx-on:click='a()'>",
        "<script>a()</script>",
        "<script type=module>a()</script>",
        "<style>p {}</style>",
        "<p style='color: red'>",
    ],
)
def test_judge_knows_what_is_harmful(markup: str) -> None:
    with pytest.raises(AssertionError):
        assert_harmless(HttpResponse(markup))


@pytest.fixture
def browser() -> Client:
    return browser_of(superuser())


@each_page
def test_page_shows_text_as_text(browser: Client, route: Route) -> None:
    samples = Samples(text=PROBE)
    samples.make_all()

    response = browser.get(route.address(samples), follow=True)

    assert_harmless(response)


@pytest.mark.parametrize("model", list(admin.site._registry), ids=lambda model: model.__name__)
def test_list_in_the_admin_shows_the_text(browser: Client, model: Any) -> None:
    """So it is there to be dangerous."""
    samples = Samples(text=PROBE)
    samples.make_all()

    page = Page(browser.get(f"/admin/{model._meta.app_label}/{model._meta.model_name}/"))

    assert "<xss-probe" in page.text


@each_page
def test_page_shows_what_was_asked_as_text(browser: Client, route: Route) -> None:
    address = route.address(Samples())
    names = ("q", "next", "o", "p", "status", "action", "_changelist_filters", "error", PROBE)

    for response in (
        browser.get(address, dict.fromkeys(names, PROBE)),
        browser.post(address, dict.fromkeys(names, PROBE)),
        browser_of(None).get(address, dict.fromkeys(names, PROBE)),
    ):
        assert_harmless(response)


@each_page
def test_form_shows_what_was_entered_as_text(browser: Client, route: Route) -> None:
    """With errors, which repeat it."""
    address = route.address(Samples())
    first = browser.get(address, follow=True)
    forms = Page(first).forms if first.headers.get("Content-Type", "").startswith("text/html") else []

    for form in forms:
        entered = {name: PROBE for name in form.values if not name.endswith("_FORMS")}
        assert_harmless(browser.post(form.attributes.get("action") or address, entered, follow=True))


@pytest.mark.parametrize(
    "address",
    [
        f"/{PROBE}",
        f"/admin/{PROBE}/",
        f"/admin/llmconfigs/llmconfig/{PROBE}/change/",
        f"{LOGIN}?next=/{PROBE}",
    ],
)
def test_error_shows_the_address_as_text(browser: Client, address: str) -> None:
    assert_harmless(browser.get(address, follow=True))


def test_user_shows_as_text_to_the_user() -> None:
    user = User.objects.create_user(PROBE[:150], is_staff=True, first_name=PROBE[:150])

    for address in ("/admin/", "/password/", "/no/such/page"):
        assert_harmless(browser_of(user).get(address))
