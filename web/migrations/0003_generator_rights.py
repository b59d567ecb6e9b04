"""Generators, for the groups of the first migration as far as they are still there."""

from __future__ import annotations

from typing import Any

from django.db import migrations

MODEL = ("generators", "generator")
# Of permissions that come later than this migration, the rows are made here.
NAMES = {
    "view_generator": "Can view generator",
    "add_generator": "Can add generator",
    "change_generator": "Can change generator",
    "delete_generator": "Can delete generator",
    "publish_generator": "Can publish, retire and choose versions of generators",
}
RIGHTS = {
    "Viewer": {"view_generator"},
    "Operator": set(NAMES),
    "Approver": {"view_generator"},
    "Auditor": {"view_generator"},
}


def give(apps: Any, schema_editor: Any) -> None:
    using = schema_editor.connection.alias
    permissions = _permissions(apps, using)
    for group, codenames in _groups(apps, using):
        group.permissions.add(*(permissions[codename] for codename in codenames))


def take(apps: Any, schema_editor: Any) -> None:
    using = schema_editor.connection.alias
    permissions = _permissions(apps, using)
    for group, codenames in _groups(apps, using):
        group.permissions.remove(*(permissions[codename] for codename in codenames))


def _groups(apps: Any, using: str) -> list[tuple[Any, set[str]]]:
    groups = apps.get_model("auth", "Group").objects.using(using)
    return [(group, RIGHTS[group.name]) for group in groups.filter(name__in=RIGHTS)]


def _permissions(apps: Any, using: str) -> dict[str, Any]:
    """By codename. Django makes the rows only after all migrations, and then keeps those it finds."""
    types = apps.get_model("contenttypes", "ContentType").objects.using(using)
    permissions = apps.get_model("auth", "Permission").objects.using(using)
    content_type, _ = types.get_or_create(app_label=MODEL[0], model=MODEL[1])
    return {
        codename: permissions.get_or_create(
            content_type=content_type, codename=codename, defaults={"name": name}
        )[0]
        for codename, name in NAMES.items()
    }


class Migration(migrations.Migration):
    dependencies = [
        ("web", "0002_webhook_permissions"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("generators", "0001_initial"),
    ]

    operations = [migrations.RunPython(give, take)]
