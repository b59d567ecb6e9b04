"""Who may use an operation: a key with one of its scopes."""

from __future__ import annotations

import structlog
from django.http import HttpRequest

from apikeys.authentication import authenticate
from apikeys.models import ApiKey, Scope

from .errors import ApiError
from .threads import in_thread

HOP_HEADER = "X-Changeover-Hop"


class Requires:
    """ninja's `auth` of an operation: a usable key that has at least one of `scopes`.

    `request.auth` is the key then. A key that may generate may also see its own jobs, since it could not
    get at their results otherwise.
    """

    def __init__(self, *scopes: Scope) -> None:
        self.scopes = scopes

    async def __call__(self, request: HttpRequest) -> ApiKey:
        if HOP_HEADER in request.headers:
            raise ApiError("loop_detected")
        key = await in_thread(authenticate, request.headers)
        structlog.contextvars.bind_contextvars(api_key=key.prefix)
        if not any(key.allows(scope) for scope in self.scopes):
            raise ApiError("permission_denied", f"The API key needs the scope {self.wanted}.")
        return key

    @property
    def wanted(self) -> str:
        return " or ".join(scope.value for scope in self.scopes)


to_submit = Requires(Scope.GENERATE)
to_cancel = Requires(Scope.GENERATE, Scope.MANAGE)
to_read = Requires(Scope.GENERATE, Scope.READ, Scope.MANAGE)
