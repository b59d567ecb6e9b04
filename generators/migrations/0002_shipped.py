from typing import Any

from django.db import migrations
from django.utils import timezone

_PROMPT = {
    "type": "object",
    "properties": {"prompt": {"type": "string", "minLength": 1}},
    "required": ["prompt"],
    "additionalProperties": False,
}
_AS_MUCH_AS_FITS = 100_000_000
"""The API bounds how large a request may be, the model how long an answer."""
_SHIPPED = (
    {
        "name": "text",
        "version": 1,
        "description": "Answers a prompt or a conversation with text.",
        "output_kind": "text",
        "max_output_chars": _AS_MUCH_AS_FITS,
    },
    {
        "name": "json",
        "version": 1,
        "description": "Answers a prompt or a conversation with one JSON object.",
        "output_kind": "json",
        "output_schema": {"type": "object"},
    },
)


def create(apps: Any, schema_editor: Any) -> None:
    """Leaves alone what is there."""
    generators = apps.get_model("generators", "Generator").objects
    for fields in _SHIPPED:
        generators.get_or_create(
            name=fields["name"],
            version=fields["version"],
            defaults={
                **fields,
                "prompt_template": "{{prompt}}",
                "input_schema": _PROMPT,
                "takes_messages": True,
                "max_input_chars": _AS_MUCH_AS_FITS,
                "published_at": timezone.now(),
                "is_active": True,
                "is_current": True,
            },
        )


class Migration(migrations.Migration):
    dependencies = [("generators", "0001_initial")]

    # Back: they go with their table. What was published cannot be deleted.
    operations = [migrations.RunPython(create, migrations.RunPython.noop)]
