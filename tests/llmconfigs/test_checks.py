from __future__ import annotations

from typing import Any

import pytest
from django.core.checks import run_checks
from django.core.management import CommandError, call_command


def test_check_passes_with_proper_keys() -> None:
    assert [each for each in run_checks() if each.id == "llmconfigs.E001"] == []


def test_check_names_the_variable_of_malformed_keys(settings: Any) -> None:
    settings.FIELD_ENCRYPTION_KEYS = ["not-a-key"]

    with pytest.raises(CommandError, match=r"E001.*FIELD_ENCRYPTION_KEYS: key 1 is not"):
        call_command("check")
