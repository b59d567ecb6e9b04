from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

OF_PRODUCTION = {"staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"}}
NO_PORT = 65_536


@pytest.fixture
def static_root(settings: Any, tmp_path: Path) -> Path:
    settings.STORAGES = settings.STORAGES | OF_PRODUCTION
    settings.STATIC_ROOT = tmp_path
    return tmp_path


def start() -> str:
    """What it says before it listens."""
    said = io.StringIO()
    with pytest.raises(CommandError, match="A port is a number"):
        call_command("serve", port=NO_PORT, stderr=said)
    return said.getvalue()


def test_serve_without_static_files_says_what_to_do(static_root: Path) -> None:
    assert "manage.py collectstatic" in start()


def test_serve_with_static_files_says_nothing(static_root: Path) -> None:
    manifest = {"version": "1.1", "paths": {"a.css": "a.1.css"}, "hash": "1"}
    (static_root / "staticfiles.json").write_text(json.dumps(manifest))

    assert start() == ""


def test_serve_outside_production_needs_no_collected_files() -> None:
    assert start() == ""


@pytest.mark.parametrize(("is_production", "is_said"), [(True, True), (False, False)])
def test_serve_in_production_says_that_data_may_leave(
    settings: Any, is_production: bool, is_said: bool
) -> None:
    settings.IS_PRODUCTION, settings.LLM_ALLOW_REMOTE = is_production, True

    assert ("LLM_ALLOW_REMOTE" in start()) is is_said
