"""Events of who came in, who did not, and who left.

From Django's signals: all doors to a login send them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import axes.signals  # noqa: F401 - for its receivers to come first: ours read what they note on the request
from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.http import HttpRequest

from audit import trail
from audit.actions import Action
from audit.trail import Subject

_SHOWN_OF_UNKNOWN = 3


def connect() -> None:
    user_logged_in.connect(_logged_in)
    user_logged_out.connect(_logged_out)
    user_login_failed.connect(_failed)


def user_subject(user: Any) -> Subject:
    return Subject("user", str(user.pk), user.get_username())


def _logged_in(*, user: Any, **_: Any) -> None:
    trail.record_alone(Action.LOGIN, user_subject(user))


def _logged_out(*, user: Any | None, **_: Any) -> None:
    if user is not None:
        trail.record_alone(Action.LOGOUT, user_subject(user))


def _failed(*, credentials: Mapping[str, Any], request: HttpRequest | None = None, **_: Any) -> None:
    """Tries that were turned away unheard while locked are not recorded: there can be any number of them."""
    is_locked = getattr(request, "axes_locked_out", False)
    failures = getattr(request, "axes_failures_since_start", None)  # None: unheard
    if is_locked and failures is None:
        return
    tried = _tried(str(credentials.get("username", "")))
    trail.record_alone(Action.LOGIN_FAILED, tried)
    if is_locked:
        trail.record_alone(Action.LOGIN_LOCKED, tried, details={"failures": failures})


def _tried(username: str) -> Subject:
    """Of a name that nobody has only the beginning: people type their password into the wrong field."""
    user = get_user_model()._default_manager.filter(username=username.replace("\x00", "")).first()
    if user is not None:
        return user_subject(user)
    return Subject("user", "", username[:_SHOWN_OF_UNKNOWN] + "…")
