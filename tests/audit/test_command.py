from __future__ import annotations

import base64
import io
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from audit import keys, trail
from audit.actions import Action
from audit.models import AuditEvent
from tests.audit.events import the_event
from tests.audit.tampering import tamper
from tests.config.loading import refusal_of, settings_with
from tests.processes import MANAGE, ROOT
from tests.servers import isolated_environment

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def events() -> None:
    for _ in range(5):
        trail.record(Action.LOGIN)


def run(*arguments: object) -> str:
    output = io.StringIO()
    call_command("audit", *map(str, arguments), stdout=output)
    return output.getvalue()


@pytest.fixture
def export(tmp_path: Path) -> Path:
    path = tmp_path / "export.jsonl"
    run("export", "-o", path)
    return path


def test_verify_of_a_good_trail_says_how_far_it_goes() -> None:
    assert run("verify").startswith("No fault. Events: 5, from 1 to 5.")


def test_verify_of_a_bad_trail_says_what_is_wrong_and_fails() -> None:
    tamper("UPDATE audit_auditevent SET actor_name = 'nobody' WHERE number = 3")

    with pytest.raises(CommandError, match="Event 3: it was changed") as caught:
        run("verify")

    assert caught.value.returncode == 1


def test_export_is_a_private_file_that_verifies(export: Path) -> None:
    assert stat.S_IMODE(export.stat().st_mode) == 0o600
    assert "Events: 6, from 1 to 6." in run("verify", "--file", export)
    assert the_event(Action.EXPORTED).actor_name.startswith("manage.py audit export (")


def test_export_never_overwrites(tmp_path: Path) -> None:
    path = tmp_path / "mine"
    path.write_text("mine")

    with pytest.raises(CommandError, match="File exists"):
        run("export", "-o", path)

    assert path.read_text() == "mine"
    assert not AuditEvent.objects.filter(action=Action.EXPORTED).exists()


def test_export_that_fails_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("audit.exporting.stored.entries", fail)

    with pytest.raises(OSError, match="disk full"):
        run("export", "-o", tmp_path / "export")

    assert list(tmp_path.iterdir()) == []


def test_export_goes_to_standard_output(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    run("export", "--to", "2020-01-01")
    sys.stdout.buffer.flush()

    [line] = capfdbinary.readouterr().out.splitlines()[-1:]
    assert b'"kind":"trailer"' in line


@pytest.mark.parametrize(
    "arguments", [["--from", "yesterday"], ["--to", "2026-13-01"], ["--to", "9999-12-31"]]
)
def test_export_refuses_what_is_no_date(arguments: list[str]) -> None:
    with pytest.raises(CommandError, match="is no date like"):
        run("export", *arguments)


def test_verify_of_a_changed_export_names_the_line(export: Path) -> None:
    lines = export.read_bytes().splitlines(keepends=True)
    export.write_bytes(b"".join([*lines[:2], *lines[3:]]))

    with pytest.raises(CommandError, match="Event 2: missing"):
        run("verify", "--file", export)


def test_verify_of_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be read") as caught:
        run("verify", "--file", tmp_path / "none")

    assert caught.value.returncode == 2


def test_verify_trusts_a_named_key_and_then_no_other(export: Path) -> None:
    own = run("public-key").strip()
    other = base64.b64encode(b"k" * 32).decode()

    run("verify", "--file", export, "--public-key", other, "--public-key", own)
    with pytest.raises(CommandError, match="not trusted"):
        run("verify", "--file", export, "--public-key", other)
    with pytest.raises(CommandError, match="32 bytes"):
        run("verify", "--file", export, "--public-key", "short")


def test_public_key_is_that_of_the_setting() -> None:
    with override_settings(AUDIT_SIGNING_KEY=b"k" * 32):
        assert base64.b64decode(run("public-key")) == keys.signer().public_key != b"k" * 32


def test_verify_against_an_export_finds_an_end_that_was_cut_off(export: Path) -> None:
    assert run("verify", "--against", export)
    tamper("DELETE FROM audit_auditevent WHERE number > 2")
    tamper("DELETE FROM audit_checkpoint WHERE number > 2")

    assert run("verify")  # alone it cannot know
    with pytest.raises(CommandError, match="Event 6: the export has it, the database has it no more"):
        run("verify", "--against", export)


def test_verify_against_an_export_finds_a_trail_that_was_made_anew(export: Path) -> None:
    tamper("DELETE FROM audit_auditevent")
    tamper("DELETE FROM audit_checkpoint")
    for _ in range(6):
        trail.record(Action.LOGOUT)

    assert run("verify")
    with pytest.raises(CommandError, match="Event 6: it is another one in the export"):
        run("verify", "--against", export)


def test_export_is_checked_without_a_database(export: Path) -> None:
    key = run("public-key").strip()
    environment = os.environ | isolated_environment("postgresql://nobody@127.0.0.1:1/none")
    command = [sys.executable, MANAGE, "audit", "verify", "--file", str(export), "--public-key", key]

    result = subprocess.run(command, env=environment, cwd=ROOT, text=True, capture_output=True)

    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("No fault.")


def test_export_is_checked_without_an_installation(export: Path) -> None:
    command = [sys.executable, "-m", "audit", str(export), "--public-key", run("public-key").strip()]
    bare = {"PATH": os.environ["PATH"]}

    good = subprocess.run(command, env=bare, cwd=ROOT, text=True, capture_output=True)
    export.write_bytes(export.read_bytes()[:-1])
    cut = subprocess.run(command, env=bare, cwd=ROOT, text=True, capture_output=True)

    assert (good.returncode, good.stderr) == (0, "")
    assert cut.returncode == 1
    assert "the export was cut" in cut.stdout


def test_wrong_keys_stop_the_start_with_their_names_and_without_their_values() -> None:
    for name in ("AUDIT_SIGNING_KEY", "AUDIT_TRUSTED_KEYS"):
        refusal = refusal_of(**{name: "c2VjcmV0"})
        assert f"ImproperlyConfigured: {name}: It must be 32 bytes in base64." in refusal
        assert "c2VjcmV0" not in refusal
    url_safe = base64.urlsafe_b64encode(b"\xff" * 32).decode()
    assert settings_with(AUDIT_SIGNING_KEY=url_safe)["AUDIT_SIGNING_KEY"] == repr(b"\xff" * 32)
    assert "AUDIT_CHECKPOINT_EVERY" in refusal_of(AUDIT_CHECKPOINT_EVERY="0")
