"""Exports: lines of JSON, the last of them a signed trailer. Without Django, for who checks one elsewhere.

A line is an event, a checkpoint (after its event) or the trailer, told apart by `kind`, in canonical JSON.
Of an event it has the fields under the digest and the digest; `details_json` is the text that was hashed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from .chaining import CHAINED, canonical_json
from .signing import SIGNED, Keyring, Purpose, WrongSignature
from .verification import Report, Verifier

FORMAT: Final = 1
_FIELDS = {
    "event": {"kind", *CHAINED, "digest"},
    "checkpoint": {"kind", *SIGNED[Purpose.CHECKPOINT], "signature"},
    "trailer": {"kind", *SIGNED[Purpose.TRAILER], "signature"},
}
_WHOLE_NUMBERS = {"number", "previous_number", "every", "format", "count", "checkpoints"}
_MAY_BE_NULL = {"actor_id", "first_number", "last_number"}
_COUNTED = {
    "count": "events",
    "checkpoints": "checkpoints",
    "first_number": "first_number",
    "previous_digest": "previous_digest",
    "last_number": "last_number",
    "last_digest": "last_digest",
}
"""What the trailer says, and where the report has it."""


def line_of(kind: str, values: Mapping[str, Any]) -> str:
    return canonical_json({"kind": kind, **values}) + "\n"


class BadLine(Exception):
    """Says in a few words why a line is none of an export."""


def read_line(line: bytes) -> dict[str, Any]:
    """Raises BadLine unless `line_of` could have written it."""
    try:
        entry: dict[str, Any] = json.loads(line)
        is_canonical = isinstance(entry, dict) and canonical_json(entry).encode() + b"\n" == line
    except (ValueError, RecursionError):
        raise BadLine("it is no JSON" if line.endswith(b"\n") else "it was cut") from None
    if not is_canonical:
        raise BadLine("it is not as an export writes it" if line.endswith(b"\n") else "it was cut")
    if _FIELDS.get(str(entry.get("kind"))) != set(entry) or not all(map(_has_its_type, entry.items())):
        raise BadLine("it has other fields than an export writes")
    return entry


def verify_export(lines: Iterable[bytes], keys: Keyring) -> Report:
    """Reads an export from its first line to its last; it may be of any part of a trail."""
    reading = _Reading(keys)
    for number, line in enumerate(lines, start=1):
        reading.take(f"Line {number}", line)
    return reading.finish()


class _Reading:
    def __init__(self, keys: Keyring) -> None:
        self._keys = keys
        self._verifier = Verifier(keys, is_window=True)
        self._report = self._verifier.report
        self._content = hashlib.sha256()
        self._trailer: dict[str, Any] | None = None

    def take(self, where: str, line: bytes) -> None:
        if self._trailer is not None:
            self._report.add(where, "it stands after the trailer")
            return
        try:
            entry = read_line(line)
        except BadLine as error:
            self._report.add(where, str(error))
        else:
            self._see(entry)
        if self._trailer is None:
            self._content.update(line)

    def finish(self) -> Report:
        self._verifier.finish()
        if self._trailer is None:
            self._report.add("End", "the export was cut, its last line is no trailer")
        else:
            _compare(self._trailer, self._content.hexdigest(), self._keys, self._report)
        return self._report

    def _see(self, entry: dict[str, Any]) -> None:
        if entry["kind"] == "event":
            self._verifier.see_event(entry)
        elif entry["kind"] == "checkpoint":
            self._verifier.see_checkpoint(entry)
        else:
            self._trailer = entry


def _compare(trailer: Mapping[str, Any], sha256: str, keys: Keyring, report: Report) -> None:
    try:
        keys.check(Purpose.TRAILER, trailer)
    except WrongSignature as error:
        report.add("Trailer", str(error))
        return
    if trailer["format"] != FORMAT:
        report.add("Trailer", f"it is of format {trailer['format']}, this program knows {FORMAT}")
    for name, counted in _COUNTED.items():
        if trailer[name] != getattr(report, counted):
            what = f"it was signed with {name} {trailer[name]!r}, the export has {getattr(report, counted)!r}"
            report.add("Trailer", what)
    if trailer["sha256"] != sha256:
        report.add("Trailer", "the lines before it are not those that were exported")


def _has_its_type(item: tuple[str, Any]) -> bool:
    name, value = item
    if name in _MAY_BE_NULL:
        return value is None or type(value) is int
    return type(value) is (int if name in _WHOLE_NUMBERS else str)
