"""An installation of our own, served by a real process, for other people's clients and judges."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import servers
from tests.processes import ROOT, manage, running_server

# What `make conformance` installs.
PYTHON = ROOT / ".venv-conformance" / "bin" / "python"
NODE_MODULES = ROOT / "tests" / "conformance" / "node_modules"
ALIAS = "default"


@dataclass(frozen=True)
class Served:
    """A running server. `key` may generate, read and register webhooks; `environment`: the installation's."""

    url: str
    key: str
    environment: Mapping[str, str]

    @property
    def openai_url(self) -> str:
        return f"{self.url}/v1"


@contextlib.contextmanager
def serving(folder: Path, **variables: str) -> Iterator[Served]:
    """A server with a database of its own in the folder, set up by these variables."""
    prepared = _prepared()
    shutil.copytree(prepared.folder.name, folder, dirs_exist_ok=True)
    environment = _environment(folder) | variables
    with running_server(environment) as server:
        yield Served(server.base_url, prepared.key, environment)


@dataclass(frozen=True)
class _Prepared:
    folder: tempfile.TemporaryDirectory[str]
    key: str


@functools.cache
def _prepared() -> _Prepared:
    """A folder with a migrated database that has one key, to copy: quicker than to make it each time."""
    folder = tempfile.TemporaryDirectory(prefix="changeover-conformance-")
    environment = _environment(Path(folder.name))
    manage("migrate", environment=environment)
    scopes = [word for scope in ("generate", "read", "webhooks") for word in ("--scope", scope)]
    key = manage("apikey", "create", "Judge", *scopes, environment=environment).strip()
    return _Prepared(folder, key)


def _environment(folder: Path) -> dict[str, str]:
    environment = os.environ | servers.isolated_environment(f"sqlite:///{folder}/changeover.sqlite3")
    return environment | {"CHANGEOVER_DATA_DIR": str(folder), "CHANGEOVER_ENV": "development"}


def tool(name: str) -> str:
    """The path of a program that `make conformance` has installed."""
    path = PYTHON.parent / name
    require(path)
    return str(path)


def require(path: Path) -> None:
    if not path.exists():
        pytest.skip(f"{path.relative_to(ROOT)} is not installed: `make setup-conformance` does it")
