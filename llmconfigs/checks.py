"""What `manage.py check`, and so every start, says about this package's settings."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Error

from .errors import EncryptionKeysMalformed
from .sealing import cipher


def check_encryption_keys(**kwargs: Any) -> list[CheckMessage]:
    try:
        cipher()
    except EncryptionKeysMalformed as error:
        return [Error(str(error), id="llmconfigs.E001")]
    return []
