"""Tells the audit trail who acts in a request."""

from __future__ import annotations

from contextlib import AbstractContextManager

from django.http import HttpRequest

from middlewares.frame import Frame

from .addresses import client_address
from .context import Origin, acting, user_actor


class OriginMiddleware(Frame):
    """All events of a request come from its user, its client's address and its `request_id`.

    Comes after the middleware that set `request.user` and `request.request_id`. The user is asked for at an
    event and not before: most requests have none, and at a login it is who logs in.
    """

    def within(self, request: HttpRequest) -> AbstractContextManager[None]:
        return acting(lambda: origin_of(request))


def origin_of(request: HttpRequest) -> Origin:
    return Origin(
        actor=user_actor(request.user),
        address=client_address(request) or "",
        request_id=getattr(request, "request_id", ""),
    )
