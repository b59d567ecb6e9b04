"""Every address declares who may call it, and lets in those and nobody else."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpRequest
from django.shortcuts import resolve_url
from django.urls import reverse

from api.service import api
from apikeys.models import Scope
from tests.api.callers import InProcessCaller
from tests.people import user_with
from usage import writer
from web.access import Access

from .browsers import all_permissions, browser_of, superuser
from .declared import API_OPERATIONS, Operation, StaffAccess, declared_access
from .routes import Route, all_routes
from .samples import Samples

pytestmark = pytest.mark.django_db

ROUTES = all_routes()
ACCESS = {route: declared_access(route) for route in ROUTES}
# For users, with a row in the address.
OWNED = [route for route in ROUTES if route.name.startswith("web:") and "<" in route.pattern]
GUARDED = [
    route
    for route, access in ACCESS.items()
    if isinstance(access, StaffAccess) or (isinstance(access, Access) and not access.is_public)
]


def is_closed(route: Route) -> bool:
    """Rows that only machines write can be added, and deleted, by nobody."""
    if route.model_admin is None:
        return False
    request = HttpRequest()
    request.user = User(is_superuser=True, is_staff=True)
    closed = {
        "_add": not route.model_admin.has_add_permission(request),
        "_delete": not route.model_admin.has_delete_permission(request),
    }
    return any(route.name.endswith(ending) and value for ending, value in closed.items())


each_guarded_page = pytest.mark.parametrize("route", GUARDED, ids=str)
each_page_needing_permissions = pytest.mark.parametrize(
    "route", [route for route in GUARDED if ACCESS[route].permissions], ids=str
)
each_operation = pytest.mark.parametrize("operation", API_OPERATIONS, ids=str)


def ask(user: User | None, route: Route, samples: Samples | None = None) -> dict[str, str]:
    """What GET and POST come to: "login", "403", "let in" …"""
    client, address = browser_of(user), route.address(samples or Samples())
    return {method: _outcome(getattr(client, method)(address)) for method in ("get", "post")}


def _outcome(response: Any) -> str:
    if response.status_code == 302 and urlsplit(response["Location"]).path in _logins():
        return "login"
    return (
        str(response.status_code)
        if response.status_code in (403, 405) or response.status_code >= 500
        else "let in"
    )


def _logins() -> set[str]:
    return {resolve_url(settings.LOGIN_URL), reverse("admin:login")}


@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_address_declares_who_may_call_it(route: Route) -> None:
    assert ACCESS[route] is not None, (
        f"{route.pattern} is called by {route.view.__module__} and declares nothing: decorate the view by "
        "web.access, or add it to a table in tests/web/declared.py."
    )


def test_all_models_in_the_admin_are_guarded_by_their_own_permissions() -> None:
    nobody = HttpRequest()
    nobody.user = AnonymousUser()

    for model_admin in admin.site._registry.values():
        assert not model_admin.has_module_permission(nobody)
        assert not any(model_admin.get_model_perms(nobody).values())


@pytest.mark.parametrize("route", [route for route in ROUTES if route not in GUARDED], ids=str)
def test_what_is_open_to_all_fails_for_nobody(route: Route) -> None:
    assert not any(outcome.startswith("5") for outcome in ask(None, route).values())


@each_guarded_page
def test_nobody_is_sent_to_the_login(route: Route) -> None:
    assert set(ask(None, route).values()) == {"login"}


@each_guarded_page
def test_stranger_is_kept_out(route: Route) -> None:
    access, stranger = ACCESS[route], user_with()

    outcomes = set(ask(stranger, route).values())

    is_open = isinstance(access, Access) and not access.permissions
    assert outcomes <= ({"let in", "405"} if is_open else {"login", "403", "405"})
    assert outcomes != {"405"}


@each_page_needing_permissions
def test_each_permission_is_needed(route: Route) -> None:
    """Whoever has all others is kept out."""
    samples = Samples()

    for missing in ACCESS[route].permissions:
        colleague = user_with(*_all_permissions_but(missing), is_staff=True)

        outcomes = set(ask(colleague, route, samples).values())

        assert outcomes <= {"403", "405"}
        assert outcomes != {"405"}
        colleague.delete()


@pytest.mark.parametrize("route", [route for route in GUARDED if not is_closed(route)], ids=str)
def test_member_is_let_in(route: Route) -> None:
    access = ACCESS[route]
    member = user_with(*access.permissions, is_staff=isinstance(access, StaffAccess))

    assert "let in" in ask(member, route).values()


@pytest.mark.parametrize("route", [route for route in GUARDED if is_closed(route)], ids=str)
def test_superuser_cannot_add_or_delete_what_machines_write(route: Route) -> None:
    assert set(ask(superuser(), route).values()) == {"403"}


@pytest.mark.parametrize("route", OWNED, ids=str)
def test_row_of_a_page_is_there_for_its_owner_alone(route: Route) -> None:
    """For others it is as if it did not exist."""
    owner, stranger = user_with(name="owner"), user_with(name="stranger")
    address = route.address(Samples(owner=owner))

    own = [ask(address).status_code for ask in (browser_of(owner).get, browser_of(owner).post)]
    others = [ask(address).status_code for ask in (browser_of(stranger).get, browser_of(stranger).post)]

    assert 404 not in own
    assert set(others) <= {404, 405}
    assert others != [405, 405]


@pytest.fixture
def _no_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose keys are gone with the test's transaction, before it could be stored."""
    monkeypatch.setattr(writer, "record", lambda entry: None)


@each_operation
def test_operation_needs_a_key(operation: Operation) -> None:
    response = InProcessCaller().request(operation.method, operation.address, {}, b"{}")

    assert response.status_code == 401


@each_operation
@pytest.mark.usefixtures("_no_usage")
def test_operation_needs_a_scope_of_its_own(operation: Operation) -> None:
    others = set(Scope) - set(operation.scopes)

    for scope in others:
        response = InProcessCaller(scope).request(operation.method, operation.address, {}, b"{}")

        assert response.status_code == 403


@each_operation
@pytest.mark.usefixtures("_no_usage")
def test_operation_lets_in_each_of_its_scopes(operation: Operation) -> None:
    for scope in operation.scopes:
        response = InProcessCaller(scope).request(operation.method, operation.address, {}, b"{}")

        assert response.status_code not in (401, 403, 405)
        assert response.status_code < 500


@each_operation
def test_operation_is_not_opened_by_a_session(operation: Operation) -> None:
    """Else a page elsewhere could have a browser call it."""
    cookies = browser_of(superuser()).cookies
    headers = {"Cookie": f"sessionid={cookies['sessionid'].value}"}

    response = InProcessCaller().request(operation.method, operation.address, headers, b"{}")

    assert response.status_code == 401


def test_all_documented_operations_are_among_those_tested() -> None:
    documented = {
        f"{method.upper()} {path}"
        for path, operations in api.get_openapi_schema()["paths"].items()
        for method in operations
    }

    assert documented == {str(operation) for operation in API_OPERATIONS}


def _all_permissions_but(missing: str) -> list[str]:
    """In the admin whoever may change a row may look at it too, so that one is missing as well."""
    app, codename = missing.split(".")
    implying = f"{app}.{codename.replace('view_', 'change_', 1)}"
    return [name for name in all_permissions() if name not in (missing, implying)]
