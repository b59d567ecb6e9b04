"""Who may call each address, by what declares it.

A view of web/ declares it by web/access.py, a page about a model in the admin by what it does, an operation
of the API by its key's scopes. What is left (pages of Django itself, and pages that an admin class adds) is
in the tables here. test_access.py fails for an address that nothing declares.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from api.frontdoor.admission import TO_GENERATE, TO_READ
from api.frontdoor.application import ROUTES
from api.service import api
from apikeys.models import Scope
from web.access import Access

from .routes import NO_ROWS, Route


@dataclass(frozen=True, slots=True)
class StaffAccess:
    """permissions: what a member of staff needs, all of them."""

    permissions: tuple[str, ...] = ()


class ApiAccess:
    """By a key, see API_OPERATIONS."""


PUBLIC = {
    "admin:login",
    "admin:logout",  # sends who is not logged in on, to the login
    "livez",
    "readyz",
    "api:openapi-json",
    "api:openapi-view",
    "api:api-root",
    "^api(?:/|$)",  # tells that there is nothing
}

# Pages of the admin that are not about one model, and those that an admin class adds.
STAFF = {
    "admin:index": StaffAccess(),
    "admin:desk": StaffAccess(),
    "admin:desk_health": StaffAccess(("llmconfigs.view_llmconfig",)),
    "admin:audit_auditevent_export": StaffAccess(("audit.view_auditevent", "audit.export_auditevent")),
    "admin:password_change": StaffAccess(),
    "admin:password_change_done": StaffAccess(),
    "admin:autocomplete": StaffAccess(("apikeys.view_apikey",)),  # as the address in routes.py asks for
    "admin:jsi18n": StaffAccess(),
    "admin:view_on_site": StaffAccess(),
    "admin:app_list": StaffAccess(),
    "admin/(?P<url>.*)$": StaffAccess(),  # tells that there is nothing
    "admin:auth_user_add": StaffAccess(("auth.add_user", "auth.change_user")),
    "admin:auth_user_password_change": StaffAccess(("auth.change_user",)),
}

_VIEW, _ACTIVATE = "llmconfigs.view_llmconfig", "llmconfigs.activate_llmconfig"
STAFF |= {
    f"admin:llmconfigs_llmconfig_{page}": StaffAccess(permissions)
    for page, permissions in {
        "switched": (_VIEW,),
        "processes": (_VIEW,),
        "requests": (_VIEW,),
        "decide": (_VIEW,),  # what is decided there asks for more, see tests/llmconfigs
        "activate": (_VIEW, _ACTIVATE),
        "deactivate": (_VIEW, _ACTIVATE),
        "roll_back": (_VIEW, _ACTIVATE),
        "request": (_VIEW, _ACTIVATE),
        "clone": (_VIEW, "llmconfigs.add_llmconfig"),
        "try_new": ("llmconfigs.add_llmconfig",),
        "try": ("llmconfigs.change_llmconfig",),
    }.items()
}

_HOOK = ("webhooks.view_webhookendpoint", "webhooks.change_webhookendpoint")
STAFF |= {
    f"admin:webhooks_webhookendpoint_{page}": StaffAccess(_HOOK) for page in ("new_secret", "put_notice_away")
}

_SEE, _PUBLISH = "generators.view_generator", "generators.publish_generator"
STAFF |= {
    f"admin:generators_generator_{page}": StaffAccess(permissions)
    for page, permissions in {
        "publish": (_SEE, _PUBLISH),
        "make_current": (_SEE, _PUBLISH),
        "retire": (_SEE, _PUBLISH),
        "restore": (_SEE, _PUBLISH),
        "next": (_SEE, "generators.add_generator"),
    }.items()
}

_NEEDED = {"changelist": "view", "change": "view", "history": "view", "add": "add", "delete": "delete"}


def declared_access(route: Route) -> Access | StaffAccess | ApiAccess | None:
    if isinstance(access := getattr(route.view, "access", None), Access):
        return access
    if route.name in PUBLIC:
        return Access(is_public=True)
    if route.name in STAFF:
        return STAFF[route.name]
    if route.name.removeprefix("api:") in _OPERATION_NAMES:
        return ApiAccess()
    return _access_of_model_page(route) if route.model_admin is not None else None


def _access_of_model_page(route: Route) -> StaffAccess | None:
    assert route.model_admin is not None
    options = route.model_admin.opts
    if route.pattern.endswith("<path:object_id>/"):
        return StaffAccess()  # an old address, which sends on
    page = route.name.removeprefix(f"admin:{options.app_label}_{options.model_name}_")
    if page not in _NEEDED:
        return None
    return StaffAccess((f"{options.app_label}.{_NEEDED[page]}_{options.model_name}",))


def people_may_call(route: Route) -> bool:
    """It is a page, not an operation or a document of the API."""
    return not isinstance(declared_access(route), ApiAccess) and not route.pattern.startswith(_NO_PAGES)


_NO_PAGES = ("api/", "^api", "livez", "readyz")


@dataclass(frozen=True, slots=True)
class Operation:
    method: str
    path: str
    scopes: Sequence[Scope]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def address(self) -> str:
        address = self.path.replace("{model}", "default")
        for name, value in NO_ROWS.items():
            address = address.replace(f"{{{name}}}", value)
        return address


_PATHS = {path: view for _, router in api._routers for path, view in router.path_operations.items()}
_OPERATION_NAMES = {view.url_name for view in _PATHS.values()}


def _operations() -> list[Operation]:
    ours = [
        Operation(method, f"/api/v1{path}", operation.auth_callbacks[0].scopes)
        for path, view in _PATHS.items()
        for operation in view.operations
        for method in operation.methods
    ]
    others = [Operation("POST", path, TO_GENERATE) for path in ROUTES]
    models = [Operation("GET", path, TO_READ) for path in ("/v1/models", "/v1/models/{model}")]
    return ours + others + models


API_OPERATIONS = _operations()
