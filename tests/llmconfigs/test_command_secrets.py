from __future__ import annotations

import io
import signal
import threading
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command

from audit.actions import Action
from audit.models import AuditEvent
from epochs.subjects import Subject
from llmbackends.secret import Secret
from llmconfigs import active, rotation
from llmconfigs.models import LLMConfig
from llmconfigs.sealing import SealedSecret
from tests.epochs.support import moves, running_beside
from tests.processes import ManageProcess
from tests.waiting import wait_until

from .conftest import MakeConfig
from .pages import key_of

OLDEST, OLD, NEW = (Fernet.generate_key().decode() for _ in range(3))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def secrets(*arguments: str, stdout: io.StringIO | None = None) -> str:
    output = stdout or io.StringIO()
    call_command("secrets", *arguments, stdout=output, stderr=output, no_color=True)
    return output.getvalue()


def row_under(keys: list[str], settings: Any, make_config: MakeConfig, name: str) -> LLMConfig:
    settings.FIELD_ENCRYPTION_KEYS = keys
    return make_config(name, provider="vllm", endpoint_url="http://gpu:8000", api_key=Secret(f"sk-{name}"))


def positions() -> dict[str, int | None]:
    return {config.name: config.api_key.key_position for config in LLMConfig.objects.exclude(api_key="")}


@pytest.fixture
def three_keys(make_config: MakeConfig, settings: Any) -> None:
    """A row under each of three keys and one without a key; the last key is the first now."""
    make_config("without")
    row_under([OLDEST], settings, make_config, "a")
    row_under([OLD, OLDEST], settings, make_config, "b")
    row_under([NEW, OLD, OLDEST], settings, make_config, "c")


def test_rotate_writes_every_value_with_the_first_key(three_keys: None, settings: Any) -> None:
    assert positions() == {"a": 3, "b": 2, "c": 1}

    output = secrets("rotate")

    assert "Rotated: 2. Already under the first key: 1." in output
    settings.FIELD_ENCRYPTION_KEYS = [NEW]
    assert positions() == {"a": 1, "b": 1, "c": 1}
    for config in LLMConfig.objects.exclude(api_key=""):
        assert key_of(config) == Secret(f"sk-{config.name}")  # bound to its address as before


def test_rotate_changes_nothing_else_of_a_row(three_keys: None) -> None:
    before = list(LLMConfig.objects.order_by("pk").values("version", "updated_at", "is_active"))

    secrets("rotate")

    assert list(LLMConfig.objects.order_by("pk").values("version", "updated_at", "is_active")) == before


@pytest.mark.postgresql
def test_rotate_moves_no_epoch(three_keys: None) -> None:
    assert not moves(Subject.CONFIGS, lambda: secrets("rotate"))


def test_rotate_builds_no_backend_anew(three_keys: None) -> None:
    LLMConfig.objects.filter(name="a").update(is_active=True)
    before = active.active_spec()

    secrets("rotate")

    assert active.active_spec() == before


def test_rotate_again_has_nothing_to_do(three_keys: None) -> None:
    secrets("rotate")
    tokens = list(LLMConfig.objects.values_list("api_key", flat=True))

    assert "Rotated: 0. Already under the first key: 3." in secrets("rotate")

    assert list(LLMConfig.objects.values_list("api_key", flat=True)) == tokens


def test_rotate_is_told_in_the_trail_for_each_value_and_by_counts(three_keys: None) -> None:
    secrets("rotate")

    *values, counts = AuditEvent.objects.filter(action=Action.SECRETS_ROTATED).order_by("number")
    assert [(event.subject_name, event.details) for event in values] == [("a", {}), ("b", {})]
    assert [event.subject_id for event in values] == [
        f"llmconfigs.llmconfig.api_key.{config.pk}" for config in LLMConfig.objects.filter(name__in="ab")
    ]
    assert counts.details == {"rotated": 2, "unchanged": 1, "undecryptable": 0}
    assert {event.actor_name.partition(" (")[0] for event in values} == {"manage.py secrets rotate"}


def test_rotation_that_is_broken_off_is_in_the_trail_as_far_as_it_came(three_keys: None) -> None:
    def break_off(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rotation.rotate(report=break_off)

    assert positions() == {"a": 1, "b": 2, "c": 1}
    assert AuditEvent.objects.get(action=Action.SECRETS_ROTATED).subject_name == "a"


def test_dry_run_tells_and_does_nothing(three_keys: None) -> None:
    output = secrets("rotate", "--dry-run")

    assert "Would be rotated: 2. Already under the first key: 1." in output
    assert positions() == {"a": 3, "b": 2, "c": 1}
    assert not AuditEvent.objects.exists()


def test_value_that_cannot_be_decrypted_is_named_and_left(three_keys: None, settings: Any) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [NEW, OLD]
    output = io.StringIO()

    with pytest.raises(CommandError, match="1 values cannot be decrypted"):
        secrets("rotate", stdout=output)

    assert "“a” (api_key)" in output.getvalue()
    assert "Rotated: 1. Already under the first key: 1." in output.getvalue()
    settings.FIELD_ENCRYPTION_KEYS = [NEW, OLD, OLDEST]
    assert positions() == {"a": 3, "b": 1, "c": 1}
    assert AuditEvent.objects.filter(action=Action.SECRETS_ROTATED, subject_name="b").exists()


def test_edit_at_the_same_time_is_not_overwritten(three_keys: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the reading of the old value and the writing of the new one."""
    rotated = SealedSecret.rotated
    edits = iter(["sk-edited"])

    def rotated_after_an_edit(self: SealedSecret) -> SealedSecret:
        for secret in edits:
            config = LLMConfig.objects.get(name="a")
            config.api_key = Secret(secret)
            config.save()
        return rotated(self)

    monkeypatch.setattr(SealedSecret, "rotated", rotated_after_an_edit)
    output = secrets("rotate")

    assert "Rotated: 1. Already under the first key: 2." in output
    assert key_of(LLMConfig.objects.get(name="a")) == Secret("sk-edited")
    assert set(positions().values()) == {1}


def test_row_that_is_deleted_meanwhile_is_passed_over(
    three_keys: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    rotated = SealedSecret.rotated

    def rotated_after_deletion(self: SealedSecret) -> SealedSecret:
        LLMConfig.objects.filter(name="a").delete()
        return rotated(self)

    monkeypatch.setattr(SealedSecret, "rotated", rotated_after_deletion)

    assert "Rotated: 1. Already under the first key: 2." in secrets("rotate")


def test_value_that_is_written_with_an_old_key_meanwhile_fails_the_run(
    three_keys: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a process that has not been started anew with the new key."""
    record = rotation.trail.record_alone

    def write_with_old_key(*arguments: Any, **details: Any) -> None:
        token = Fernet(OLD).encrypt(b"sk-late").decode()
        LLMConfig.objects.filter(name="b").update(api_key=SealedSecret(token))
        record(*arguments, **details)

    monkeypatch.setattr(rotation.trail, "record_alone", write_with_old_key)

    with pytest.raises(CommandError, match="1 values were written with another key meanwhile"):
        secrets("rotate")


def test_progress_is_a_bar_on_a_terminal(three_keys: None) -> None:
    lines = secrets("rotate", stdout=Terminal()).split("\r")

    assert lines[1].endswith("1 of 3")
    assert f"[{'#' * 40}] 3 of 3\n" in lines[3]


def test_progress_is_plain_lines_elsewhere(three_keys: None) -> None:
    lines = secrets("rotate").splitlines()

    assert lines[:3] == ["1 of 3", "2 of 3", "3 of 3"]


def test_status_tells_how_many_values_are_under_which_key(three_keys: None, settings: Any) -> None:
    before = secrets("status").splitlines()
    secrets("rotate")
    after = secrets("status").splitlines()

    assert before == ["KEY  VALUES", "1    1  new values are written with it", "2    1", "3    1"]
    assert after == [
        "KEY  VALUES",
        "1    3  new values are written with it",
        "2    0  may go",
        "3    0  may go",
    ]


def test_status_names_what_cannot_be_decrypted(three_keys: None, settings: Any) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [NEW]

    output = secrets("status")

    assert "none 2  cannot be decrypted" in output
    assert "“a” (api_key)" in output
    assert "“b” (api_key)" in output


def test_nothing_to_rotate_is_no_error(db: None) -> None:
    assert "Rotated: 0." in secrets("rotate")


@pytest.mark.django_db(transaction=True)
def test_edits_and_rotation_beside_each_other_lose_nothing(make_config: MakeConfig, settings: Any) -> None:
    rows = [row_under([OLD], settings, make_config, f"row-{number}") for number in range(8)]
    settings.FIELD_ENCRYPTION_KEYS = [NEW, OLD]
    entered: dict[int, str] = {}

    def edit(stop: threading.Event) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            config = LLMConfig.objects.get(pk=rows[number % len(rows)].pk)
            config.api_key = Secret(f"sk-{number}")
            config.save(update_fields=["api_key"])
            entered[config.pk] = f"sk-{number}"

    with running_beside(edit, threads=1):
        wait_until(lambda: len(entered) == len(rows))
        for _ in range(5):
            secrets("rotate")

    assert {config.pk: key_of(config).reveal() for config in LLMConfig.objects.all()} == entered
    assert set(positions().values()) == {1}


@pytest.mark.processes
@pytest.mark.django_db(transaction=True)
def test_rotation_that_was_killed_is_resumed(
    make_config: MakeConfig, settings: Any, process_environment: dict[str, str], tmp_path: Path
) -> None:
    count = 400
    for number in range(count):
        row_under([OLD], settings, make_config, f"row-{number}")
    environment = process_environment | {"FIELD_ENCRYPTION_KEYS": f"{NEW},{OLD}"}
    settings.FIELD_ENCRYPTION_KEYS = [NEW, OLD]

    killed = ManageProcess("secrets", "rotate", environment=environment, log_file=tmp_path / "killed")
    try:
        wait_until(lambda: "of 400" in killed.log, timeout_s=60)
    finally:
        killed.end(signal.SIGKILL)
    under_first = list(positions().values()).count(1)
    again = ManageProcess("secrets", "rotate", environment=environment, log_file=tmp_path / "again")

    assert again.process.wait(60) == 0, again.log
    assert 0 < under_first < count
    assert f"Already under the first key: {under_first}." in again.log
    assert all(key_of(config) == Secret(f"sk-{config.name}") for config in LLMConfig.objects.all())
    assert set(positions().values()) == {1}
