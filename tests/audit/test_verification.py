from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.chaining import digest_of
from audit.signing import Keyring
from audit.verification import MOST_SHOWN
from tests.audit.trails import KEYS, SIGNER, STRANGER, Entry, checkpoint, event, faults, trail, verify

LENGTHS = st.integers(2, 12)
INTERVALS = st.integers(1, 5)
NAMES = (
    "at", "action", "actor_id", "actor_name", "address", "request_id", "subject_kind", "subject_id",
    "subject_name", "details_json", "previous_digest", "digest",
)  # fmt: skip


def numbers_in(fault: str) -> set[int]:
    return {int(word.strip(":")) for word in fault.split() if word.strip(":").isdecimal()}


def position(entries: list[Entry], kind: str, number: int) -> int:
    return next(at for at, (k, values) in enumerate(entries) if k == kind and values["number"] == number)


@given(length=st.integers(0, 12), every=INTERVALS)
def test_trail_as_it_was_written_has_no_fault(length: int, every: int) -> None:
    report = verify(trail(length, every=every))

    assert report.faults == []
    assert report.events == length
    assert report.last_number == (length or None)


@given(data=st.data(), length=LENGTHS, every=INTERVALS, name=st.sampled_from(NAMES))
def test_changed_event_is_found_by_its_number(
    data: st.DataObject, length: int, every: int, name: str
) -> None:
    entries = trail(length, every=every)
    number = data.draw(st.integers(1, length))
    values = entries[position(entries, "event", number)][1]
    values[name] = 8 if name == "actor_id" else f"{values[name]}x"

    assert any(number in numbers_in(fault) for fault in faults(entries))


@given(data=st.data(), length=LENGTHS, every=INTERVALS, name=st.sampled_from(NAMES[:-1]))
def test_event_that_was_changed_and_hashed_anew_is_found(
    data: st.DataObject, length: int, every: int, name: str
) -> None:
    entries = trail(length, every=every)
    # Of the last event without a checkpoint nobody knows what it was.
    sealed = max(values["number"] for kind, values in entries if kind == "checkpoint")
    number = data.draw(st.integers(1, sealed))
    values = entries[position(entries, "event", number)][1]
    values[name] = 8 if name == "actor_id" else f"{values[name]}x"
    values["digest"] = digest_of(values)

    assert any({number, number + 1} & numbers_in(fault) for fault in faults(entries))


@given(data=st.data(), length=LENGTHS, every=INTERVALS)
def test_dropped_event_is_found_by_its_number(data: st.DataObject, length: int, every: int) -> None:
    entries = trail(length, every=every)
    number = data.draw(st.integers(1, length - 1))
    del entries[position(entries, "event", number)]

    assert any(number in numbers_in(fault) and "missing" in fault for fault in faults(entries))


@given(data=st.data(), length=LENGTHS, every=INTERVALS)
def test_swapped_events_are_found(data: st.DataObject, length: int, every: int) -> None:
    entries = trail(length, every=every)
    one = data.draw(st.integers(1, length - 1))
    other = data.draw(st.integers(one + 1, length))
    first, second = position(entries, "event", one), position(entries, "event", other)
    entries[first], entries[second] = entries[second], entries[first]

    assert any(one in numbers_in(fault) for fault in faults(entries))


@given(data=st.data(), length=LENGTHS, every=INTERVALS)
def test_events_that_changed_their_numbers_are_found(data: st.DataObject, length: int, every: int) -> None:
    entries = trail(length, every=every)
    one = data.draw(st.integers(1, length - 1))
    first = entries[position(entries, "event", one)][1]
    second = entries[position(entries, "event", one + 1)][1]
    for name in {*first} - {"number", "previous_digest", "digest"}:
        first[name], second[name] = second[name], first[name]

    assert {one, one + 1} <= {number for fault in faults(entries) for number in numbers_in(fault)}


@given(data=st.data(), length=LENGTHS, every=INTERVALS)
def test_doubled_event_is_found_by_its_number(data: st.DataObject, length: int, every: int) -> None:
    entries = trail(length, every=every)
    number = data.draw(st.integers(1, length))
    at = data.draw(st.integers(position(entries, "event", number) + 1, len(entries)))
    entries.insert(at, ("event", copy.deepcopy(entries[position(entries, "event", number)][1])))

    assert any(number in numbers_in(fault) and "twice" in fault for fault in faults(entries))


@given(data=st.data(), length=LENGTHS, every=INTERVALS)
def test_dropped_checkpoint_is_found(data: st.DataObject, length: int, every: int) -> None:
    entries = trail(length, every=every)
    sealed = [values["number"] for kind, values in entries if kind == "checkpoint"]
    number = data.draw(st.sampled_from(sealed))
    del entries[position(entries, "checkpoint", number)]

    [fault] = faults(entries)
    assert fault.startswith(f"Checkpoint at event {number}: it is missing")


@given(
    data=st.data(),
    length=LENGTHS,
    every=INTERVALS,
    name=st.sampled_from(["digest", "at", "previous_number", "every", "key_id", "signature"]),
)
def test_changed_checkpoint_is_found(data: st.DataObject, length: int, every: int, name: str) -> None:
    entries = trail(length, every=every)
    sealed = [values["number"] for kind, values in entries if kind == "checkpoint"]
    number = data.draw(st.sampled_from(sealed))
    values = entries[position(entries, "checkpoint", number)][1]
    values[name] = values[name] + 1 if isinstance(values[name], int) else f"x{values[name]}"

    assert faults(entries)[0].startswith(f"Checkpoint at event {number}: it is signed") or faults(entries)[
        0
    ].startswith(f"Checkpoint at event {number}: its signature")


def test_all_digests_made_anew_are_found_by_the_next_checkpoint() -> None:
    entries = trail(7, every=3)
    changed = 5
    previous_digest = entries[position(entries, "event", changed - 1)][1]["digest"]
    for number in range(changed, 8):
        at = position(entries, "event", number)
        entries[at] = ("event", event(number, previous_digest, actor_name="nobody"))
        previous_digest = entries[at][1]["digest"]

    assert faults(entries) == [
        "Checkpoint at event 7: it was signed over another event 7: what is since event 4 was exchanged."
    ]


def test_event_that_was_put_in_is_found() -> None:
    entries = trail(3, every=9)
    at = position(entries, "event", 2)
    entries.insert(at + 1, ("event", event(2, entries[at][1]["digest"])))

    assert faults(entries) == ["Event 2: it is there twice."]


def test_gap_is_named_from_its_first_to_its_last_event() -> None:
    entries = [entry for entry in trail(9, every=20) if entry[1]["number"] not in (3, 4, 5, 8)]

    assert faults(entries) == ["Events 3 to 5: missing.", "Event 8: missing."]


def test_trail_without_its_beginning_is_found() -> None:
    entries = trail(6, every=3)[3:]

    assert faults(entries)[0] == "Events 1 to 2: missing, the trail begins after."


def test_window_may_begin_anywhere_and_end_anywhere() -> None:
    entries = trail(20, every=3)
    for begin in range(len(entries)):
        for end in range(begin, len(entries)):
            window = entries[begin:end]
            if window and window[0][0] == "event" and entries[end][0] == "event":
                assert faults(window, is_window=True) == []


def test_checkpoint_of_a_stranger_is_refused_with_the_id_of_his_key() -> None:
    entries = trail(1, every=3)
    entries[1] = ("checkpoint", checkpoint(entries[0][1], previous_number=0, every=3, signer=STRANGER))

    [fault] = faults(entries)
    assert STRANGER.key_id in fault
    assert "not trusted" in fault


def test_checkpoint_of_a_former_key_counts_while_it_is_trusted() -> None:
    entries = trail(1, every=1)
    second = event(2, entries[0][1]["digest"])
    entries += [("event", second)]
    entries += [("checkpoint", checkpoint(second, previous_number=1, every=1, signer=STRANGER))]

    assert faults(entries, keys=Keyring([SIGNER.public_key, STRANGER.public_key])) == []


def test_checkpoint_of_an_event_that_is_gone_is_found() -> None:
    entries = trail(4, every=3)
    del entries[position(entries, "event", 4)]

    assert faults(entries) == ["Checkpoint at event 4: its event is not before it."]


@pytest.mark.parametrize("details", ["[]", "{", "[" * 100_000, '{"a": NaN', ""])
def test_details_that_nobody_recorded_are_found(details: str) -> None:
    entries: list[tuple[str, Any]] = [("event", event(1, "", details_json=details))]

    assert "Event 1: it was changed" in faults(entries, is_window=True)[0]


def test_of_many_faults_the_first_are_kept_and_all_are_counted() -> None:
    report = verify([entry for entry in trail(500, every=1000) if entry[1]["number"] % 2])

    assert len(report.faults) == MOST_SHOWN
    assert report.fault_count == 249
    assert "And 149 more." in str(report)


def test_report_without_a_fault_says_how_far_the_trail_goes() -> None:
    entries = trail(7, every=3)

    report = verify(entries, keys=KEYS)

    assert str(report).startswith("No fault. Events: 7, from 1 to 7. Checkpoints: 3, the last at event 7.")
    assert entries[-1][1]["digest"] in str(report)
