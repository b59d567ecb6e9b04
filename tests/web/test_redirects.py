"""No page sends a visitor to where an address says, unless it is here."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest

from .browsers import LOGIN, browser_of, superuser
from .declared import people_may_call
from .routes import Route, all_routes
from .samples import PASSWORD, Samples

pytestmark = pytest.mark.django_db

HERE = "http://testserver"
EVIL = "evil.example"
TARGETS = [
    f"//{EVIL}",
    f"///{EVIL}",
    f"////{EVIL}",
    f"/\\{EVIL}",
    f"\\\\{EVIL}",
    f"\\/{EVIL}",
    f"/\t/{EVIL}",
    f"\t//{EVIL}",
    f" //{EVIL}",
    f"\x00//{EVIL}",
    f"/\n/{EVIL}",
    f"https:{EVIL}",
    f"https:/{EVIL}",
    f"https:///{EVIL}",
    f"http:///{EVIL}",
    f"https://{EVIL}",
    f"HTTPS://{EVIL}",
    f"//{EVIL}@testserver",
    f"//testserver@{EVIL}",
    f"http://testserver@{EVIL}/",
    f"http://testserver.{EVIL}/",
    f"http://testserver\\@{EVIL}/",
    f"http://{EVIL}#@testserver/",
    f"http://{EVIL}\\.testserver/",
    f"%2f%2f{EVIL}",
    f"/%09/{EVIL}",
    f"/%5c{EVIL}",
    f"javascript:alert(1)//{EVIL}",
    f"JaVaScRiPt://testserver/%0aalert(1)//{EVIL}",
    f"data:text/html,{EVIL}",
    f"ftp://testserver/{EVIL}",
]
# By which pages and their frameworks let themselves be told where to go.
NAMES = ("next", "url", "redirect", "redirect_to", "return", "return_to", "back", "to", "continue", "_popup")

each_page = pytest.mark.parametrize(
    "route", [each for each in all_routes() if people_may_call(each)], ids=str
)


def leads_elsewhere(location: str) -> bool:
    """As a browser reads it (https://url.spec.whatwg.org/, read 2026-11-26): without control characters, with
    slashes for backslashes, and with any number of them before a host."""
    read = re.sub(r"[\t\r\n]", "", location.strip(" \x00\t\r\n")).replace("\\", "/")
    read = re.sub(r"^https:/*", "https://", read, flags=re.IGNORECASE)
    read = re.sub(r"^((http:)?//)/*", r"\1", read, flags=re.IGNORECASE)
    whole = urlsplit(urljoin(f"{HERE}/a/b", read))
    return (whole.scheme, whole.netloc) != ("http", "testserver")


@pytest.mark.parametrize("location", ["/", "a", "?next=//evil.example", "/a//b", "http://testserver/a", ""])
def test_judge_knows_what_leads_here(location: str) -> None:
    assert not leads_elsewhere(location)


@pytest.mark.parametrize(
    "location", [target for target in TARGETS if "%" not in target and target[-1] != "/"]
)
def test_judge_knows_what_leads_elsewhere(location: str) -> None:
    assert leads_elsewhere(location)


@each_page
def test_page_sends_nobody_elsewhere(route: Route) -> None:
    """The login, where it matters most, is asked with all targets below."""
    browser, address = browser_of(superuser()), route.address(Samples())

    for target in (f"//{EVIL}", f"/\\{EVIL}", f"https://{EVIL}"):
        told = dict.fromkeys(NAMES, target)
        for response in (
            browser_of(None).get(address, told),
            browser.get(address, told),
            browser.post(address, told, headers={"referer": target}),
        ):
            assert not leads_elsewhere(response.headers.get("Location", "/"))
            assert not leads_elsewhere(response.headers.get("HX-Redirect", "/"))


@pytest.mark.parametrize("target", TARGETS)
def test_login_ignores_a_target_elsewhere(target: str) -> None:
    user = superuser()
    user.set_password(PASSWORD)
    user.save()
    form = {"username": user.username, "password": PASSWORD, "next": target}

    response = browser_of(None).post(LOGIN, form)

    assert response.status_code == 302
    assert not leads_elsewhere(response["Location"])


def test_login_leads_to_a_target_here() -> None:
    user = superuser()
    user.set_password(PASSWORD)
    user.save()
    form = {"username": user.username, "password": PASSWORD, "next": "/admin/llmconfigs/llmconfig/?q=a"}

    response: Any = browser_of(None).post(LOGIN, form)

    assert response["Location"] == "/admin/llmconfigs/llmconfig/?q=a"
