"""The load generator's process. Its own cost has to be small: it shares the cores with what it measures.

python -m benchmarks.load_process '{"port": 8000, ...}'     (the fields of load.Load)
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import json
import sys
import time
from dataclasses import asdict
from typing import Any, cast

import uvloop

from .answers import AnswerReader
from .load import Findings, Load
from .plans import SUBMISSION, TEXT, Plan, request_body
from .procfs import cpu_seconds
from .samples import spread

# For the answers that are to be counted; and for those that must not be left to the next load's measuring.
_PATIENCE_S = 60
_REST_S = 10


class Generator:
    """What the connections share: the order, the clock and what was found."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.requests = itertools.cycle([request_bytes(load, key) for key in (load.key, *load.more_keys)])
        self.text = load.plan.streamed_text if load.streamed else TEXT
        self.latencies: list[float] = []
        self.first_chunks: list[float] = []
        self.failures: list[str] = []
        self.asked = self.open = self.begun = self.most_begun = 0
        self.ends = False
        self.idle = asyncio.Event()
        self.full = asyncio.Event()
        self.transports: list[asyncio.Transport] = []

    def begin_request(self) -> bool:
        """Whether there is another one to send."""
        if self.ends or (self.load.most_requests and self.asked >= self.load.most_requests):
            self.full.set()
            return False
        self.asked += 1
        self.open += 1
        return True

    def begin_answer(self) -> None:
        self.begun += 1
        self.most_begun = max(self.most_begun, self.begun)

    def end_request(self, fault: str | None, *, had_begun: bool) -> None:
        self.open -= 1
        self.begun -= had_begun
        if not self.open:
            self.idle.set()
        if fault is not None:
            self.failures.append(fault)

    async def run(self) -> Findings:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: self._note_error(context))
        before, began_at, own = self._cpu(), time.perf_counter(), time.process_time()
        for _ in range(self.load.connections):
            await loop.create_connection(lambda: Client(self), "127.0.0.1", self.load.port)
        if self.load.warmup_s:
            await self._wait(self.load.warmup_s)
            self.latencies.clear()
            self.first_chunks.clear()
            before, began_at, own = self._cpu(), time.perf_counter(), time.process_time()
        await self._wait(self.load.duration_s)
        self.ends = True
        if self.load.finish and not await self._rests(_PATIENCE_S):
            self.failures.append(f"{self.open} answers never came")
        seconds = time.perf_counter() - began_at
        spent = tuple(now - then for now, then in zip(self._cpu(), before, strict=True))
        findings = self._findings(seconds, spent, time.process_time() - own)
        await self._rests(_REST_S)
        return findings

    async def _rests(self, patience_s: float) -> bool:
        """Whether all that is under way has come to its end; waits for it so long."""
        if self.open:
            self.idle.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.idle.wait(), patience_s)
        return not self.open

    def close(self) -> None:
        for transport in self.transports:
            transport.close()

    def _note_error(self, context: dict[str, Any]) -> None:
        self.failures.append(f"the generator itself: {context.get('exception', context['message'])!r}")

    def _cpu(self) -> list[float]:
        return [cpu_seconds(pid) for pid in self.load.watched]

    async def _wait(self, seconds: float) -> None:
        """So long, or until all requests have been sent."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.full.wait(), seconds)

    def _findings(self, seconds: float, cpu_s: tuple[float, ...], own_cpu_s: float) -> Findings:
        failures = self.failures
        if not self.latencies and not failures:
            failures = ["not one answer in time"]
        return Findings(
            requests=len(self.latencies),
            seconds=seconds,
            latency=spread(self.latencies),
            first_chunk=spread(self.first_chunks),
            failures=len(failures),
            first_failure=failures[0] if failures else "",
            most_open=self.most_begun,
            cpu_s=cpu_s,
            own_cpu_s=own_cpu_s,
        )


class Client(asyncio.Protocol):
    """One kept connection."""

    __slots__ = ("_began_at", "_first_chunk_at", "_generator", "_reader", "_transport")

    def __init__(self, generator: Generator) -> None:
        self._generator = generator

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass
        self._generator.transports.append(self._transport)
        self._reader: AnswerReader | None = None
        self._send()

    def _send(self) -> None:
        if self._generator.begin_request():
            self._reader = AnswerReader()
            self._first_chunk_at = 0.0
            self._began_at = time.perf_counter()
            self._transport.write(next(self._generator.requests))

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        generator, reader = self._generator, self._reader
        if reader is None:
            generator.failures.append("bytes that nobody asked for")
            return
        is_complete = reader.feed(data)
        if generator.load.streamed and not self._first_chunk_at and reader.has_content():
            self._first_chunk_at = now
            generator.begin_answer()
        if is_complete:
            self._end(reader, now)

    def _end(self, reader: AnswerReader, now: float) -> None:
        generator = self._generator
        if generator.load.submits:
            fault = reader.fault_of_submission()
        else:
            fault = reader.fault(text=generator.text, streamed=generator.load.streamed)
        if fault is None:
            generator.latencies.append(now - self._began_at)
            if self._first_chunk_at:
                generator.first_chunks.append(self._first_chunk_at - self._began_at)
        self._reader = None
        generator.end_request(fault, had_begun=bool(self._first_chunk_at))
        self._send()

    def connection_lost(self, error: Exception | None) -> None:
        if self._reader is not None:
            self._reader = None
            fault = f"the connection was cut: {error}"
            self._generator.end_request(fault, had_begun=bool(self._first_chunk_at))


def request_bytes(load: Load, key: str) -> bytes:
    path = "/api/v1/generations" if load.submits else "/v1/chat/completions"
    body = SUBMISSION if load.submits else request_body(load.plan, streamed=load.streamed)
    lines = [
        f"POST {path} HTTP/1.1",
        f"Host: 127.0.0.1:{load.port}",
        f"Authorization: Bearer {key}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def main(order: str) -> None:
    given = json.loads(order)
    load = Load(**(given | {"plan": Plan(**given["plan"])}))
    gc.freeze()
    gc.disable()  # nothing here makes cycles, and a pause would be measured as the server's
    findings = uvloop.run(_run(load))
    print(json.dumps(asdict(findings)))


async def _run(load: Load) -> Findings:
    return await Generator(load).run()


if __name__ == "__main__":
    main(sys.argv[1])
