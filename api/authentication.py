"""Who may use an operation: a key with one of its scopes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import structlog
from django.http import HttpRequest

from apikeys.authentication import authenticate
from apikeys.models import ApiKey, Scope
from apikeys.noting import UseNotes, note_uses
from background.threads import in_thread
from epochs.current import Epochs, current

from .errors import ApiError

HOP_HEADER = "X-Changeover-Hop"


class Requires:
    """ninja's `auth` of an operation: a usable key that has at least one of `scopes`.

    `request.auth` is the key then. A key that may generate may also see its own jobs, since it could not
    get at their results otherwise.
    """

    def __init__(self, *scopes: Scope) -> None:
        self.scopes = scopes

    async def __call__(self, request: HttpRequest) -> ApiKey:
        return await self.key_in(request.headers)

    async def key_in(self, headers: Mapping[str, str], epochs: Epochs | None = None) -> ApiKey:
        """The headers' names are in lower case, or have none. Raises ApiError, InvalidApiKey.

        epochs: what a check that began after the request had arrived has found; None: makes one now.
        """
        if HOP_HEADER.lower() in headers:
            raise ApiError("loop_detected")
        key = await authenticate(headers, epochs or await current())
        structlog.contextvars.bind_contextvars(api_key=key.prefix)
        require_scope(key, self.scopes)
        if _notes.is_due(key.pk):
            await in_thread(note_uses, [key.pk])
        return key


def require_scope(key: ApiKey, scopes: Sequence[Scope]) -> None:
    """Raises ApiError unless the key has one of the scopes."""
    if not any(key.allows(scope) for scope in scopes):
        wanted = " or ".join(scope.value for scope in scopes)
        raise ApiError("permission_denied", f"The API key needs the scope {wanted}.")


_notes = UseNotes()

to_submit = Requires(Scope.GENERATE)
to_cancel = Requires(Scope.GENERATE, Scope.MANAGE)
to_read = Requires(Scope.GENERATE, Scope.READ, Scope.MANAGE)
to_see_webhooks = Requires(Scope.WEBHOOKS, Scope.MANAGE)
to_change_webhooks = Requires(Scope.WEBHOOKS)
