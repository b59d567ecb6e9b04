"""How long a login lasts: until nobody has used it for a while, and a working day at most."""

from __future__ import annotations

import time
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.signals import user_logged_in
from django.contrib.sessions.models import Session
from django.http import HttpRequest
from django.utils import timezone
from django.utils.deprecation import MiddlewareMixin

POLL_HEADER = "X-Changeover-Poll"
"""A page sends it with what it asks by itself: nobody need be there for that."""
BEGAN_AT, USED_AT = "login_began_at", "login_used_at"
_MOST_AT_ONCE = 500


def connect() -> None:
    user_logged_in.connect(_begin)


def _begin(*, request: HttpRequest, **_: Any) -> None:
    request.session.update(dict.fromkeys((BEGAN_AT, USED_AT), time.time()))


def forget_expired() -> int:
    """Deletes some of the rows of sessions that are over, and says how many: each login leaves one."""
    expired = Session.objects.filter(expire_date__lt=timezone.now())
    keys = list(expired.order_by("expire_date").values_list("pk", flat=True)[:_MOST_AT_ONCE])
    deleted, _of_models = expired.filter(pk__in=keys).delete()
    return deleted


class SessionExpiryMiddleware(MiddlewareMixin):
    """Ends the session of a login that is too old. After SessionMiddleware, before who reads the user."""

    def process_request(self, request: HttpRequest) -> None:
        if settings.SESSION_COOKIE_NAME not in request.COOKIES:
            return
        if (news := _news_of(request, dict(request.session.items()))) is None:
            request.session.flush()
        elif news:
            request.session.update(news)


def _news_of(request: HttpRequest, session: dict[str, Any]) -> dict[str, float] | None:
    """What to store in the session; None if it is over."""
    if SESSION_KEY not in session:
        return {}
    now = time.time()
    began_at, used_at = session.get(BEGAN_AT, now), session.get(USED_AT, now)
    if now - began_at > settings.SESSION_MAX_S or now - used_at > settings.SESSION_IDLE_S:
        return None
    if BEGAN_AT not in session:  # the login is older than this middleware
        return {BEGAN_AT: now, USED_AT: now}
    # Not with each request: it is a write to the database.
    is_noted = now - used_at < min(60.0, settings.SESSION_IDLE_S / 10)
    return {} if is_noted or request.headers.get(POLL_HEADER) else {USED_AT: now}
