from __future__ import annotations

import stat
import subprocess
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


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """Those that the system's package manager is asked for, of which each succeeds."""
    commands: list[tuple[str, ...]] = []

    def note(command: tuple[str, ...], **options: object) -> subprocess.CompletedProcess[bytes]:
        commands.append(command)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(bootstrap.subprocess, "run", note)
    monkeypatch.delenv("CHROMIUM", raising=False)
    return commands


def have(monkeypatch: pytest.MonkeyPatch, *programs: str) -> None:
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: name if name in programs else None)


def test_system_packages_that_are_missing_are_installed_by_root(
    monkeypatch: pytest.MonkeyPatch, commands: list[tuple[str, ...]]
) -> None:
    monkeypatch.setattr(bootstrap.os, "geteuid", lambda: 0)
    have(monkeypatch, "apt-get", "msgfmt")

    bootstrap.install_system_packages()

    assert [command[:2] for command in commands] == [("apt-get", "update"), ("apt-get", "install")]
    assert commands[1][-2:] == ("chromium", "fonts-nanum")


@pytest.mark.parametrize(("user", "programs"), [(1000, ["apt-get"]), (0, [])])
def test_system_packages_that_cannot_be_installed_are_named(
    monkeypatch: pytest.MonkeyPatch,
    commands: list[tuple[str, ...]],
    capsys: pytest.CaptureFixture[str],
    user: int,
    programs: list[str],
) -> None:
    monkeypatch.setattr(bootstrap.os, "geteuid", lambda: user)
    have(monkeypatch, *programs)

    bootstrap.install_system_packages()

    assert commands == []
    assert "apt-get install chromium fonts-nanum gettext" in capsys.readouterr().out


def test_system_packages_that_are_there_cost_nothing(
    monkeypatch: pytest.MonkeyPatch, commands: list[tuple[str, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    have(monkeypatch, "google-chrome", "msgfmt", "apt-get")

    bootstrap.install_system_packages()

    assert (commands, capsys.readouterr().out) == ([], "")


def test_browser_may_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    have(monkeypatch, "/opt/chrome", "chromium")

    monkeypatch.setenv("CHROMIUM", "/opt/chrome")
    named = bootstrap.find_browser()
    monkeypatch.setenv("CHROMIUM", "/opt/gone")

    assert (named, bootstrap.find_browser()) == ("/opt/chrome", None)
