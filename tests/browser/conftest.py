"""A server and a browser for all tests here; for each test a clean database and windows of its own.

Django is not set up yet when this file is read: what needs it is imported in the fixtures.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from playwright.sync_api import Page

    from tests.browser.looking import Chromium, Visit
    from tests.browser.site import Cleaner
    from tests.processes import ServerProcess

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker("browser")


class Open(Protocol):
    def __call__(self, user: User | None = ..., **options: Any) -> Visit: ...


@pytest.fixture(scope="package")
def site(django_db_setup: None, django_db_blocker: Any) -> Iterator[ServerProcess]:
    """Ends with these tests: its runner would take the jobs of others. Its audit trail goes with it."""
    from tests import emptying
    from tests.browser.site import running_site

    with django_db_blocker.unblock():
        with running_site() as server:
            yield server
        emptying.empty_trail()


@pytest.fixture(scope="package")
def chromium(site: ServerProcess) -> Iterator[Chromium]:
    from tests.browser.looking import Chromium

    chromium = Chromium(site.base_url)
    yield chromium
    chromium.close()


@pytest.fixture(scope="package")
def cleaner(site: ServerProcess, django_db_blocker: Any) -> Cleaner:
    from tests.browser.site import Cleaner

    with django_db_blocker.unblock():
        return Cleaner(site)


@pytest.fixture(autouse=True)
def db(cleaner: Cleaner, django_db_blocker: Any) -> Iterator[None]:
    """In place of pytest-django's: what a test writes is there for the server too."""
    with django_db_blocker.unblock():
        yield
        cleaner.clean()


@pytest.fixture
def open_window(chromium: Chromium, site: ServerProcess, db: None) -> Iterator[Open]:
    """Opens a window, of a user who is logged in or of nobody; what goes wrong in it fails the test."""
    visits = []

    def open_window(user: User | None = None, **options: Any) -> Visit:
        visits.append(chromium.open(user, **options))
        return visits[-1]

    log_before = len(site.log)
    yield open_window
    trouble = [each for visit in visits for each in visit.close()]
    assert not trouble, "\n".join([*trouble, "The server's log:", site.log[log_before:][-5000:]])


@pytest.fixture
def admin_page(open_window: Open) -> Page:
    """Of a superuser."""
    from tests.browser.people import make_user

    return open_window(make_user("admin", is_superuser=True)).page
