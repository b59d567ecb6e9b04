from __future__ import annotations

import stat
from pathlib import Path

import pytest

from config.environment import Environment
from scripts import bootstrap


def test_dotenv_is_private_and_holds_fresh_secrets(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"

    bootstrap.write_dotenv(first)
    bootstrap.write_dotenv(second)

    assert stat.S_IMODE(first.stat().st_mode) == 0o600
    secrets = [Environment(file, variables={}).secret("SECRET_KEY") for file in (first, second)]
    assert len(set(secrets)) == 2


def test_dotenv_is_never_overwritten(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("SECRET_KEY=mine\n")

    bootstrap.write_dotenv(dotenv)

    assert dotenv.read_text() == "SECRET_KEY=mine\n"


def test_data_folder_is_private(tmp_path: Path) -> None:
    bootstrap.make_data_folder(tmp_path / "var")

    assert stat.S_IMODE((tmp_path / "var").stat().st_mode) == 0o700


def test_installation_of_another_lock_is_not_taken_for_this_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = bootstrap.python_of(tmp_path)
    python.parent.mkdir()
    python.touch()
    monkeypatch.setattr(bootstrap, "ENVIRONMENTS", dict.fromkeys(bootstrap.ENVIRONMENTS, tmp_path))
    bootstrap.stamp("dev").write_text(bootstrap.fingerprint("dev"))
    bootstrap.stamp("base").write_text("the fingerprint of an older lock")

    assert bootstrap.is_installed("dev")
    assert not bootstrap.is_installed("base")
    assert not bootstrap.is_installed("conformance")


def test_node_packages_that_are_there_are_not_installed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[tuple[str, ...]] = []

    def note(*command: str) -> None:
        commands.append(command)
        (tmp_path / "node_modules").mkdir(exist_ok=True)

    monkeypatch.setattr(bootstrap, "run", note)
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: f"/bin/{name}")
    lock = tmp_path / "package-lock.json"

    lock.write_text("one")
    bootstrap.install_node_packages(tmp_path)
    bootstrap.install_node_packages(tmp_path)
    lock.write_text("other")
    bootstrap.install_node_packages(tmp_path)

    assert len(commands) == 2
    assert commands[0][:2] == ("/bin/npm", "ci")
