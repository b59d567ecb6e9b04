"""Browsers in the test's own process, with Django's test client for a network."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import Permission, User
from django.contrib.sessions.backends.db import SessionStore
from django.test import Client

LOGIN = "/login/"


def browser_of(user: User | None, **options: Any) -> Client:
    """Answers of 500 come as answers, as a person sees them."""
    client = Client(raise_request_exception=False, **options)
    if user is not None:
        log_in(client, user)
    return client


def log_in(client: Client, user: User) -> None:
    """As `force_login`, but without what a login does beside it: a page's test is none of that."""
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    assert session.session_key
    client.cookies[settings.SESSION_COOKIE_NAME] = session.session_key


def superuser() -> User:
    return User.objects.create_superuser("admin")


def all_permissions() -> list[str]:
    permissions = Permission.objects.select_related("content_type")
    return [f"{each.content_type.app_label}.{each.codename}" for each in permissions]
