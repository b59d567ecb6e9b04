"""Every page, with texts in it that would like to be markup."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.web.declared import people_may_call
from tests.web.routes import Route, all_routes
from tests.web.samples import Samples

from .conftest import Open
from .judging import assert_accessible, assert_fits
from .looking import PHONE, Visit
from .people import make_user
from .pictures import take

# Each part would be seen: as an error on the console, as a request, as a dialog.
PROBE = "'\"><img src=/xss onerror=alert(1)></script><script>alert(2)</script><svg onload=alert(3)>"
PAGES = [route for route in all_routes() if people_may_call(route)]


def area(route: Route) -> str:
    if route.model_admin is not None:
        return str(route.model_admin.opts.label_lower)
    return "admin" if route.pattern.startswith("admin/") else "pages"


def pages_of(visit: Visit, routes: list[Route], samples: Samples) -> Iterator[tuple[Route, str]]:
    """Those that show a whole page to whoever opens them, with their addresses."""
    for route in routes:
        address = route.address(samples)
        answer = visit.context.request.get(address, max_redirects=0)
        if answer.status == 200 and "<!DOCTYPE html>" in answer.text():
            yield route, address


@pytest.mark.parametrize("name", sorted({area(route) for route in PAGES}))
def test_pages_are_sound(open_window: Open, name: str) -> None:
    """Nothing of the texts runs, nothing goes wrong, everybody can use them, on a phone too."""
    owner = make_user("owner", is_superuser=True)
    samples = Samples(text=PROBE, owner=owner)
    samples.make_all()
    visit = open_window(owner)

    for route, address in pages_of(visit, [route for route in PAGES if area(route) == name], samples):
        visit.page.goto(address)
        assert_accessible(visit.page)
        assert_fits(visit.page, PHONE["width"])
        take(visit.page, f"page-{route.name.replace(':', '-')}")
