"""config/settings.py as a process with other variables reads it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from tests import servers
from tests.processes import ROOT

_SHOW = """
import json
from config import settings
names = [name for name in vars(settings) if name.isupper() and name != "LANGUAGES"]  # translated lazily
print(json.dumps({name: repr(getattr(settings, name)) for name in names}))
"""


def settings_with(**variables: str) -> dict[str, Any]:
    """The repr of each setting."""
    result = _load(variables)
    assert result.returncode == 0, result.stderr
    settings: dict[str, Any] = json.loads(result.stdout)
    return settings


def refusal_of(**variables: str) -> str:
    """What a start with these variables ends with."""
    result = _load(variables)
    assert result.returncode != 0, result.stdout
    return result.stderr.splitlines()[-1]


def _load(variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    environment = servers.isolated_environment("") | variables
    return subprocess.run(
        [sys.executable, "-c", _SHOW], env=environment, cwd=ROOT, text=True, capture_output=True
    )
