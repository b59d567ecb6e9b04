"""Trails in memory, as an export has them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from audit.chaining import canonical_json, digest_of
from audit.signing import Keyring, Purpose, Signer
from audit.verification import Report, Verifier

SIGNER = Signer(b"s" * 32)
STRANGER = Signer(b"t" * 32)
KEYS = Keyring([SIGNER.public_key])
AT = "2026-11-26T07:00:00.000000Z"

Entry = tuple[str, dict[str, Any]]


def event(number: int, previous_digest: str, **changes: Any) -> dict[str, Any]:
    values = {
        "number": number,
        "at": AT,
        "action": "config.changed",
        "actor_id": 7,
        "actor_name": "kim",
        "address": "192.0.2.1",
        "request_id": "r",
        "subject_kind": "llmconfig",
        "subject_id": str(number),
        "subject_name": "모델",
        "details_json": canonical_json({"changes": {"temperature": {"from": 0.1, "to": number}}}),
        "previous_digest": previous_digest,
    } | changes
    return values | {"digest": digest_of(values)}


def checkpoint(
    of: dict[str, Any], *, previous_number: int, every: int, signer: Signer = SIGNER
) -> dict[str, Any]:
    values = {
        "number": of["number"],
        "digest": of["digest"],
        "at": AT,
        "previous_number": previous_number,
        "every": every,
    }
    return signer.sign(Purpose.CHECKPOINT, values)


def trail(length: int, *, every: int) -> list[Entry]:
    """Events from 1, each with its checkpoint after it where one is due."""
    entries: list[Entry] = []
    previous_digest, sealed = "", 0
    for number in range(1, length + 1):
        new = event(number, previous_digest)
        entries.append(("event", new))
        previous_digest = new["digest"]
        if not sealed or number >= sealed + every:
            entries.append(("checkpoint", checkpoint(new, previous_number=sealed, every=every)))
            sealed = number
    return entries


def verify(entries: Iterable[Entry], *, is_window: bool = False, keys: Keyring = KEYS) -> Report:
    verifier = Verifier(keys, is_window=is_window)
    for kind, values in entries:
        {"event": verifier.see_event, "checkpoint": verifier.see_checkpoint}[kind](values)
    return verifier.finish()


def faults(entries: Iterable[Entry], **options: Any) -> list[str]:
    return [str(fault) for fault in verify(entries, **options).faults]
