"""Users with permissions, for every test that needs one."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Permission, User


def permission(name: str) -> Permission:
    """Such as "generation.use_playground"."""
    app, _, codename = name.partition(".")
    return Permission.objects.get(content_type__app_label=app, codename=codename)


def user_with(*permissions: str, name: str = "someone", **fields: Any) -> User:
    user = User.objects.create_user(name, **fields)
    user.user_permissions.set(_permissions(*permissions) if permissions else [])
    return User.objects.get(pk=user.pk)  # without permissions that were cached meanwhile


def _permissions(*names: str) -> list[Permission]:
    """In one query, for those who give all."""
    known = {
        f"{each.content_type.app_label}.{each.codename}": each
        for each in Permission.objects.select_related("content_type")
    }
    return [known[name] for name in names]
