"""The four groups that most installations need. They belong to the administrator from then on."""

from __future__ import annotations

from typing import Any

from django.db import migrations

# Of models and permissions that come later than this migration, the rows are made here.
NAMES = {
    ("llmconfigs", "llmconfig"): {
        "view_llmconfig": "Can view LLM configuration",
        "add_llmconfig": "Can add LLM configuration",
        "change_llmconfig": "Can change LLM configuration",
        "delete_llmconfig": "Can delete LLM configuration",
        "activate_llmconfig": "Can activate LLM configurations",
        "approve_llmconfig": "Can approve activations by others",
    },
    ("generation", "generationjob"): {
        "view_generationjob": "Can view generation job",
        "change_generationjob": "Can change generation job",
        "use_playground": "Can use the playground",
    },
    ("usage", "usagerecord"): {"view_usagerecord": "Can view usage record"},
    ("epochs", "process"): {"view_process": "Can view process"},
    ("apikeys", "apikey"): {
        "view_apikey": "Can view API key",
        "add_apikey": "Can add API key",
        "change_apikey": "Can change API key",
        "add_own_apikey": "Can create API keys of one's own",
    },
    ("audit", "auditevent"): {
        "view_auditevent": "Can view audit event",
        "export_auditevent": "Can export the audit trail",
    },
}
VIEWER = {"view_llmconfig", "view_generationjob", "view_usagerecord", "view_process", "view_apikey"}
GROUPS = {
    "Viewer": VIEWER,
    "Operator": VIEWER
    | {
        "add_llmconfig",
        "change_llmconfig",
        "delete_llmconfig",
        "activate_llmconfig",
        "change_generationjob",
        "use_playground",
        "add_apikey",
        "change_apikey",
        "add_own_apikey",
    },
    "Approver": VIEWER | {"approve_llmconfig"},
    "Auditor": VIEWER | {"view_auditevent", "export_auditevent"},
}


def create_groups(apps: Any, schema_editor: Any) -> None:
    """A group that is there already is left as it is."""
    using = schema_editor.connection.alias
    groups = apps.get_model("auth", "Group").objects.using(using)
    permissions = _permissions(apps, using)
    for name, codenames in GROUPS.items():
        group, is_new = groups.get_or_create(name=name)
        if is_new:
            group.permissions.set([permissions[codename] for codename in codenames])


def delete_unused_groups(apps: Any, schema_editor: Any) -> None:
    """Not one with members: whoever goes back a version must not take rights away."""
    groups = apps.get_model("auth", "Group").objects.using(schema_editor.connection.alias)
    groups.filter(name__in=GROUPS, user=None).delete()


def _permissions(apps: Any, using: str) -> dict[str, Any]:
    """By codename. Django makes the rows only after all migrations, and then keeps those it finds."""
    types = apps.get_model("contenttypes", "ContentType").objects.using(using)
    permissions = apps.get_model("auth", "Permission").objects.using(using)
    found = {}
    for (app_label, model), names in NAMES.items():
        content_type, _ = types.get_or_create(app_label=app_label, model=model)
        for codename, name in names.items():
            found[codename], _ = permissions.get_or_create(
                content_type=content_type, codename=codename, defaults={"name": name}
            )
    return found


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("apikeys", "0002_limits"),
        ("audit", "0001_initial"),
        ("epochs", "0001_initial"),
        ("generation", "0001_initial"),
        ("llmconfigs", "0002_client_parameters"),
        ("usage", "0001_initial"),
    ]

    operations = [migrations.RunPython(create_groups, delete_unused_groups)]
