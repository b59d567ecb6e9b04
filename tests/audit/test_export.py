from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from audit import exporting, keys, trail
from audit.actions import Action
from audit.exports import BadLine, line_of, read_line, verify_export
from audit.models import AuditEvent
from audit.signing import Keyring
from tests.audit.trails import KEYS, STRANGER

DAY = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def record_on_days(db: None) -> Any:
    def record(*days: int) -> None:
        for day in days:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("audit.trail.timezone.now", lambda day=day: DAY + timedelta(days=day))
                trail.record(Action.LOGIN, trail.Subject("user", str(day), "kim\u2028<script>"))

    return record


def exported(**period: Any) -> list[bytes]:
    return b"".join(exporting.begin(**period).chunks()).splitlines(keepends=True)


def faults(lines: list[bytes]) -> list[str]:
    return [str(fault) for fault in verify_export(lines, keys.trusted()).faults]


@override_settings(AUDIT_CHECKPOINT_EVERY=3)
def test_export_holds_events_checkpoints_and_a_trailer(record_on_days: Any) -> None:
    record_on_days(*range(5))

    entries = [json.loads(line) for line in exported()]

    kinds = [(entry["kind"], entry.get("number")) for entry in entries]
    assert kinds == [
        ("event", 1), ("checkpoint", 1), ("event", 2), ("event", 3), ("event", 4), ("checkpoint", 4),
        ("event", 5), ("event", 6), ("checkpoint", 6), ("trailer", None),
    ]  # fmt: skip
    assert (entries[-1]["count"], entries[-1]["checkpoints"]) == (6, 3)
    assert entries[-1]["last_digest"] == AuditEvent.objects.get(number=6).digest


def test_export_is_an_event_itself(record_on_days: Any) -> None:
    exporting.begin(until=DAY)

    event = AuditEvent.objects.get()
    assert event.action == Action.EXPORTED
    assert event.details == {"since": "", "until": "2026-03-01T12:00:00.000000Z"}


def test_export_as_it_was_written_has_no_fault(record_on_days: Any) -> None:
    record_on_days(*range(5))

    assert faults(exported()) == []


def test_export_of_an_empty_period_has_no_fault(record_on_days: Any) -> None:
    record_on_days(1)

    [line] = exported(since=DAY + timedelta(days=2), until=DAY + timedelta(days=3))
    assert json.loads(line)["count"] == 0
    assert faults([line]) == []


@override_settings(AUDIT_CHECKPOINT_EVERY=2)
@pytest.mark.parametrize(("since", "until", "numbers"), [(1, 4, [2, 3, 4]), (0, 1, [1]), (3, 99, [4, 5, 6])])
def test_export_of_a_period_is_a_window_without_a_fault(
    record_on_days: Any, since: int, until: int, numbers: list[int]
) -> None:
    record_on_days(*range(6))

    lines = exported(since=DAY + timedelta(days=since), until=DAY + timedelta(days=until))

    entries = [json.loads(line) for line in lines]
    assert [entry["number"] for entry in entries if entry["kind"] == "event"][: len(numbers)] == numbers
    assert faults(lines) == []


def test_export_has_all_between_its_first_and_last_event_also_when_a_clock_went_back(
    record_on_days: Any,
) -> None:
    record_on_days(0, 2, 9, 1, 3)

    entries = [
        json.loads(line) for line in exported(since=DAY + timedelta(days=1), until=DAY + timedelta(days=4))
    ]

    assert [entry["number"] for entry in entries if entry["kind"] == "event"] == [2, 3, 4, 5]


def test_long_export_comes_in_many_chunks(record_on_days: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audit.stored.PAGE", 2)
    monkeypatch.setattr("audit.exporting._LINES_IN_A_CHUNK", 3)
    record_on_days(*range(9))

    chunks = list(exporting.begin().chunks())

    assert len(chunks) > 3
    assert faults(b"".join(chunks).splitlines(keepends=True)) == []


@pytest.mark.django_db
@given(data=st.data())
def test_any_change_of_an_export_is_found(data: st.DataObject) -> None:
    lines = list(_LINES)
    change = data.draw(st.sampled_from(["drop", "double", "swap", "cut", "byte"]))
    at = data.draw(st.integers(0, len(lines) - 1))
    if change == "drop":
        del lines[at]
    elif change == "double":
        lines.insert(at, lines[at])
    elif change == "swap":
        other = data.draw(st.integers(0, len(lines) - 1).filter(lambda other: other != at))
        lines[at], lines[other] = lines[other], lines[at]
    elif change == "cut":
        lines[at:] = [lines[at][: data.draw(st.integers(0, len(lines[at]) - 1))]]
    else:
        position = data.draw(st.integers(0, len(lines[at]) - 1))
        new = data.draw(st.integers(0, 255).filter(lambda byte: byte != lines[at][position]))
        lines[at] = lines[at][:position] + bytes([new]) + lines[at][position + 1 :]

    assert verify_export(lines, KEYS).fault_count


def test_export_that_was_cut_says_so() -> None:
    assert [str(fault) for fault in verify_export(_LINES[:-1], KEYS).faults] == [
        "End: the export was cut, its last line is no trailer."
    ]
    assert verify_export([], KEYS).fault_count == 1


def test_lines_after_the_trailer_are_found() -> None:
    assert [str(fault) for fault in verify_export([*_LINES, _LINES[0]], KEYS).faults] == [
        f"Line {len(_LINES) + 1}: it stands after the trailer."
    ]


def test_export_of_a_stranger_is_not_trusted() -> None:
    report = verify_export(_LINES, Keyring([STRANGER.public_key]))

    assert all("not trusted" in str(fault) for fault in report.faults)
    assert str(report.faults[-1]).startswith("Trailer: ")


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (b"", "cut"),
        (b"{", "cut"),
        (b"{}", "cut"),
        (b"\n", "no JSON"),
        (b"{}\n", "other fields"),
        (b"[]\n", "not as an export"),
        (b'{"kind": "event"}\n', "not as an export"),
        (b'{"kind":"event","kind":"event"}\n', "not as an export"),
        (b'{"kind":["event"]}\n', "other fields"),
        (b'{"kind":"\\ud800"}\n', "no JSON"),
        (b"[" * 100_000 + b"\n", "no JSON"),
        (b"\xff\n", "no JSON"),
    ],
)
def test_line_that_no_export_has_is_refused(line: bytes, complaint: str) -> None:
    with pytest.raises(BadLine, match=complaint):
        read_line(line)


@pytest.mark.parametrize(
    ("name", "value"), [("number", "1"), ("number", True), ("number", 1.0), ("at", None), ("actor_id", "7")]
)
def test_line_with_another_type_is_refused(name: str, value: object) -> None:
    entry = json.loads(_LINES[0]) | {name: value}

    with pytest.raises(BadLine, match="other fields"):
        read_line(line_of(entry.pop("kind"), entry).encode())


def _lines() -> list[bytes]:
    """Of a small export, made without a database."""
    import hashlib

    from audit.signing import Purpose
    from tests.audit.trails import AT, SIGNER, trail

    entries = trail(5, every=2)
    lines = [line_of(kind, values).encode() for kind, values in entries]
    events = [values for kind, values in entries if kind == "event"]
    trailer = {
        "format": 1,
        "at": AT,
        "since": "",
        "until": "",
        "count": len(events),
        "checkpoints": len(entries) - len(events),
        "first_number": 1,
        "previous_digest": "",
        "last_number": 5,
        "last_digest": events[-1]["digest"],
        "sha256": hashlib.sha256(b"".join(lines)).hexdigest(),
    }
    return [*lines, line_of("trailer", SIGNER.sign(Purpose.TRAILER, trailer)).encode()]


_LINES = _lines()
