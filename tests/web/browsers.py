"""Browsers in the test's own process, with Django's test client for a network."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Permission, User
from django.test import Client

LOGIN = "/login/"


def browser_of(user: User | None, **options: Any) -> Client:
    """Answers of 500 come as answers, as a person sees them."""
    client = Client(raise_request_exception=False, **options)
    if user is not None:
        client.force_login(user)
    return client


def superuser() -> User:
    return User.objects.create_superuser("admin")


def all_permissions() -> list[str]:
    permissions = Permission.objects.select_related("content_type")
    return [f"{each.content_type.app_label}.{each.codename}" for each in permissions]
