from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import migrations

from llmconfigs.binding import receiver_of
from llmconfigs.errors import LLMConfigsError
from llmconfigs.sealing import SealedSecret


def bind(apps: Any, schema_editor: Any) -> None:
    """To the address that each goes to now. One that cannot be decrypted stays, and opens no more."""
    _seal_again(apps, lambda row: row.api_key.bound_anew(receiver_of(row.provider, row.endpoint_url)))


def unbind(apps: Any, schema_editor: Any) -> None:
    _seal_again(apps, lambda row: row.api_key.bound_anew(""))


def _seal_again(apps: Any, sealed: Callable[[Any], SealedSecret]) -> None:
    rows = apps.get_model("llmconfigs", "LLMConfig").objects
    for row in rows.exclude(api_key=""):
        try:
            rows.filter(pk=row.pk).update(api_key=sealed(row))
        except LLMConfigsError:
            continue


class Migration(migrations.Migration):
    dependencies = [("llmconfigs", "0004_activations_requests_and_health")]

    operations = [migrations.RunPython(bind, unbind)]
