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
    user.user_permissions.set([permission(each) for each in permissions])
    return User.objects.get(pk=user.pk)  # without permissions that were cached meanwhile
