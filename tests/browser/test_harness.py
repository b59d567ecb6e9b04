"""That the harness sees what it is there to see."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User

from tests.api.frontdoor import upstream
from tests.llmbackends import faults

from .conftest import Open
from .judging import assert_accessible
from .looking import Chromium, Visit, expect, tab_to
from .people import make_user

DOCUMENT = "<!doctype html><html lang='en'><title>A page</title><body><main><h1>A page</h1>{}</main></html>"


@pytest.fixture
def visit(chromium: Chromium) -> Iterator[Visit]:
    """Whose trouble is the test's to look at."""
    visit = chromium.open()
    yield visit
    visit.context.close()


def show(visit: Visit, body: str, **headers: str) -> None:
    """A page of the server's address that the server knows nothing of."""
    answer = {"body": DOCUMENT.format(body), "content_type": "text/html", "headers": headers}
    visit.context.route("**/made-up", lambda route: route.fulfill(**answer))
    visit.page.goto("/made-up")


@pytest.mark.parametrize(
    ("body", "trouble"),
    [
        ("<script>console.error('oh no')</script>", "console error: oh no"),
        ("<script>throw Error('oh no')</script>", "exception: oh no"),
        ("<script>Promise.reject(Error('oh no'))</script>", "exception: oh no"),
        ("<script src='/made-up-too.js'></script>", "console error: .* status of 404"),
        ("<img src='http://192.0.2.1/spy.gif' alt=''>", "request to another host: http://192.0.2.1/spy.gif"),
        ("<img src='http://example.org/spy.gif' alt=''>", "failed request: .*ERR_NAME_NOT_RESOLVED"),
    ],
)
def test_watch_sees_trouble(visit: Visit, body: str, trouble: str) -> None:
    show(visit, body)

    visit.watch.expect(trouble)
    assert not any(each.startswith("expected and not seen") for each in visit.close())


@pytest.mark.parametrize("javascript", [True, False])
def test_watch_sees_violations_of_the_policy(chromium: Chromium, javascript: bool) -> None:
    visit = chromium.open(java_script_enabled=javascript)

    show(visit, "<p style='color: red'>Red</p>", **{"Content-Security-Policy": "default-src 'self'"})

    assert any("Content Security Policy" in each for each in visit.close())


def test_watch_sees_answers_of_500(visit: Visit) -> None:
    visit.context.route("**/made-up", lambda route: route.fulfill(status=503, body="Sorry"))
    visit.page.goto("/made-up")

    assert any(each.startswith("answer 503") for each in visit.close())


def test_watch_misses_what_is_expected(visit: Visit) -> None:
    visit.watch.expect("oh no")

    assert visit.close() == ["expected and not seen: oh no"]


def test_quiet_page_is_no_trouble(visit: Visit) -> None:
    show(visit, "<p>Hello</p>")

    assert visit.close() == []


def test_tab_key_waits_for_a_page_that_has_just_begun(visit: Visit) -> None:
    page = DOCUMENT.format("<a href='/'>Back</a>")
    slow = faults.events("<!doctype html>", page, headers={"content-type": "text/html"}, pause_s=0.5)
    with upstream.running(slow) as service:
        visit.page.goto(service.url, wait_until="commit")

        tab_to(visit.page, "Back")


def test_axe_finds_a_serious_fault(visit: Visit) -> None:
    show(visit, "<img src='data:,'>")

    with pytest.raises(AssertionError, match="image-alt"):
        assert_accessible(visit.page)


def test_axe_finds_what_is_hard_to_read_in_the_dark_alone(visit: Visit) -> None:
    show(visit, "<style>@media (prefers-color-scheme: dark) { p { color: #eee } }</style><p>Hello</p>")

    with pytest.raises(AssertionError, match=r"dark.*\n.*color-contrast"):
        assert_accessible(visit.page)


def test_session_and_database_are_shared_with_the_server(open_window: Open) -> None:
    page = open_window(make_user("reader", "llmconfigs.view_llmconfig")).page

    page.goto("/admin/")

    expect(page.get_by_role("banner")).to_contain_text("reader")
    assert User.objects.get().last_login is None
