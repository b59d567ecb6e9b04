"""Those who sit before the browser."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.contrib.auth.models import Group, User

from tests.people import permission

PASSWORD = "a-password-for-the-tests"


def make_user(name: str, *permissions: str, groups: tuple[str, ...] = (), **values: Any) -> User:
    """A member of staff who can log in with PASSWORD. permissions: such as "llmconfigs.view_llmconfig"."""
    user = User(username=name, **({"is_staff": True} | values))
    # Fewer rounds than Django's own, which would take half a second for each user.
    user.password = PBKDF2PasswordHasher().encode(PASSWORD, "salt-for-the-tests-only", iterations=1000)
    user.save()
    user.user_permissions.set(map(permission, permissions))
    user.groups.set(Group.objects.filter(name__in=groups))
    assert user.groups.count() == len(groups)
    return user


def session_cookie(user: User) -> str:
    """Logs the user in, as the login page would."""
    session = import_module(settings.SESSION_ENGINE).SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[-1]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    return str(session.session_key)
