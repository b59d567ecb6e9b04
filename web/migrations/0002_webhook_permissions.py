"""What the groups of 0001 may do about webhooks, as far as they are still there."""

from __future__ import annotations

from typing import Any

from django.db import migrations

# Django makes the rows only after all migrations, and then keeps those it finds.
NAMES = {
    "webhookendpoint": {
        "view_webhookendpoint": "Can view webhook endpoint",
        "add_webhookendpoint": "Can add webhook endpoint",
        "change_webhookendpoint": "Can change webhook endpoint",
    },
    "webhookdelivery": {
        "view_webhookdelivery": "Can view webhook delivery",
        "change_webhookdelivery": "Can change webhook delivery",
    },
}
VIEWER = {"view_webhookendpoint", "view_webhookdelivery"}
GROUPS = {
    "Viewer": VIEWER,
    # To add: to give one's own keys the scope for it.
    "Operator": VIEWER | {"add_webhookendpoint", "change_webhookendpoint", "change_webhookdelivery"},
    "Approver": VIEWER,
    "Auditor": VIEWER,
}


def give(apps: Any, schema_editor: Any) -> None:
    for group, permissions in _found(apps, schema_editor.connection.alias):
        group.permissions.add(*permissions)


def take(apps: Any, schema_editor: Any) -> None:
    for group, permissions in _found(apps, schema_editor.connection.alias):
        group.permissions.remove(*permissions)


def _found(apps: Any, using: str) -> Any:
    permissions = _permissions(apps, using)
    for group in apps.get_model("auth", "Group").objects.using(using).filter(name__in=GROUPS):
        yield group, [permissions[codename] for codename in GROUPS[group.name]]


def _permissions(apps: Any, using: str) -> dict[str, Any]:
    """By codename."""
    types = apps.get_model("contenttypes", "ContentType").objects.using(using)
    permissions = apps.get_model("auth", "Permission").objects.using(using)
    found = {}
    for model, names in NAMES.items():
        content_type, _ = types.get_or_create(app_label="webhooks", model=model)
        for codename, name in names.items():
            found[codename], _ = permissions.get_or_create(
                content_type=content_type, codename=codename, defaults={"name": name}
            )
    return found


class Migration(migrations.Migration):
    dependencies = [
        ("web", "0001_groups"),
        ("webhooks", "0001_initial"),
    ]

    operations = [migrations.RunPython(give, take)]
