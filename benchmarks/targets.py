"""What was to be reached, and whether it was."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from .results import Results

OF_PEER_SPEED = 20
OF_PEER_LATENCY = 1 / 10
OF_FORWARDER_SPEED = 0.45
MEMORY_OF_STREAM_KB = 100
ADDED_FIRST_CHUNK_MS = 2
MORE_ON_FULL_DATABASE = 0.10
MEMORY_GROWTH = 0.02
STATEMENTS_PER_REQUEST = 0.2


@dataclass(frozen=True, slots=True)
class Target:
    name: str
    goal: str
    found: str
    is_reached: bool


def judge(results: Results) -> Iterator[Target]:
    yield _against_peer(results, 16)
    yield _against_peer(results, 64)
    yield _added_latency(results)
    yield _against_forwarder(results)
    yield from _streams(results)
    yield from _flat(results)
    yield _statements(results)
    yield Target(
        "Every answer of Changeover whole and right, in all runs",
        "0 failures",
        f"{results.failures:,}",
        results.failures == 0,
    )


def _against_peer(results: Results, connections: int) -> Target:
    ratio = speed_ratio(results, "litellm", connections)
    return Target(
        f"Requests/s at {connections} connections, against LiteLLM's",
        f"≥ {OF_PEER_SPEED} times",
        f"{ratio:.1f} times",
        ratio >= OF_PEER_SPEED,
    )


def speed_ratio(results: Results, other: str, connections: int) -> float:
    """How many of the other's requests/s Changeover serves; plain, instant upstream."""
    ours = results.cell("changeover", connections=connections).per_second
    theirs = results.cell(other, connections=connections).per_second
    return ours / theirs if theirs else math.inf


def added_ms(results: Results, target: str) -> float:
    """To the median latency of the upstream itself, at one connection; plain, instant upstream."""
    direct = results.cell("mock", connections=1).median_ms
    return results.cell(target, connections=1).median_ms - direct


def _added_latency(results: Results) -> Target:
    ours, theirs = added_ms(results, "changeover"), added_ms(results, "litellm")
    return Target(
        "Added median latency at 1 connection, against LiteLLM's",
        "≤ 1/10",
        f"{ours:.2f} ms of {theirs:.2f} ms, 1/{theirs / ours:.0f}",
        0 < ours <= theirs * OF_PEER_LATENCY,
    )


def _against_forwarder(results: Results) -> Target:
    ratio = speed_ratio(results, "forwarder", 64)
    return Target(
        "Requests/s at 64 connections, against the bare forwarder's",
        f"≥ {OF_FORWARDER_SPEED} times",
        f"{ratio:.2f} times",
        ratio >= OF_FORWARDER_SPEED,
    )


def _streams(results: Results) -> Iterator[Target]:
    found, first = results.streams, results.first_chunk
    yield Target(
        f"{found.asked:,} streams at once, whole and in order",
        f"{found.asked:,}",
        f"{found.complete:,}, {found.most_open:,} of them open together",
        found.complete == found.most_open == found.asked,
    )
    yield Target(
        "Memory of each of them",
        f"≤ {MEMORY_OF_STREAM_KB} KB",
        f"{found.memory_kb:.1f} KB",
        found.memory_kb <= MEMORY_OF_STREAM_KB,
    )
    yield Target(
        f"Added time to the first chunk (median) while {first.streams} streams run",
        f"≤ {ADDED_FIRST_CHUNK_MS} ms",
        f"{first.added_ms:.2f} ms",
        first.added_ms <= ADDED_FIRST_CHUNK_MS,
    )


def _flat(results: Results) -> Iterator[Target]:
    found, memory = results.flatness, results.memory
    rows = f"{found.usage_rows:,} usage rows and {found.keys:,} keys"
    yield Target(
        f"CPU of a request with {rows}",
        f"within {MORE_ON_FULL_DATABASE:.0%} of the empty database",
        f"{found.more_cpu:+.1%}",
        found.more_cpu <= MORE_ON_FULL_DATABASE,
    )
    yield Target(
        f"Requests/s with {rows}",
        f"within {MORE_ON_FULL_DATABASE:.0%} of the empty database",
        f"{-found.fewer_requests:+.1%}",
        found.fewer_requests <= MORE_ON_FULL_DATABASE,
    )
    yield Target(
        f"Memory after {memory.last_requests:,} requests, against after {memory.first_requests:,}",
        f"flat (within {MEMORY_GROWTH:.0%})",
        f"{memory.growth_kb / memory.first_kb:+.2%} ({memory.growth_kb:+,} KB)",
        memory.growth_kb <= memory.first_kb * MEMORY_GROWTH,
    )


def _statements(results: Results) -> Target:
    found = results.statements
    return Target(
        "SQL statements for each request at 64 connections",
        f"≤ {STATEMENTS_PER_REQUEST}",
        f"{found.per_request:.3f}",
        found.per_request <= STATEMENTS_PER_REQUEST,
    )
