"""The Content-Security-Policy of every answer, which holds where a text was not escaped after all."""

from __future__ import annotations

from typing import Any

import pytest

from .browsers import browser_of, superuser
from .declared import people_may_call
from .routes import Route, all_routes
from .samples import Samples

pytestmark = pytest.mark.django_db

FORBIDDEN = {"'unsafe-inline'", "'unsafe-eval'", "'unsafe-hashes'", "*", "http:", "https:", "blob:"}
FORBIDDEN_STARTS = ("'nonce-", "'sha", "http://", "https://")

each_page = pytest.mark.parametrize(
    "route", [each for each in all_routes() if people_may_call(each)], ids=str
)


def assert_strict(response: Any) -> None:
    policy = response.headers["Content-Security-Policy"]
    sources = [source for directive in policy.split(";") for source in directive.split()[1:]]
    assert not [source for source in sources if source in FORBIDDEN or source.startswith(FORBIDDEN_STARTS)]
    directives = {directive.split()[0] for directive in policy.split(";")}
    assert {"default-src", "base-uri", "form-action", "frame-ancestors"} <= directives


@each_page
def test_page_has_the_strict_policy(route: Route) -> None:
    browser, address = browser_of(superuser()), route.address(Samples())

    for response in (browser.get(address), browser.post(address), browser_of(None).get(address)):
        assert_strict(response)


@pytest.mark.parametrize(
    "address", ["/no/such/page", "/admin/no/such/page", "/livez", "/api/v1/docs", "/api/"]
)
def test_other_answer_has_the_strict_policy(address: str) -> None:
    assert_strict(browser_of(superuser()).get(address))
