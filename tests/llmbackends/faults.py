"""The faults that FaultServer plays, and the good answers between them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

from .fault_server import Exchange, Fault

JSON = {"content-type": "application/json"}
SSE = {"content-type": "text/event-stream"}
_SHORTLY_S = 0.02  # long enough for what was written to arrive in a piece of its own


def answer(status: int, payload: Any = None, **headers: str) -> Fault:
    """A whole answer; keyword names are header names with _ for -."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()

    async def play(exchange: Exchange) -> None:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        exchange.write_head(status, {**JSON, "content-length": str(len(body)), **given})
        exchange.write(body)

    return play


def events(*pieces: str | bytes, headers: Mapping[str, str] = SSE, pause_s: float = 0.0) -> Fault:
    """A streamed answer, one chunk for each piece, ended in order."""

    async def play(exchange: Exchange) -> None:
        await _write_pieces(exchange, pieces, headers, pause_s)
        exchange.end_chunks()

    return play


def cut_stream(*pieces: str | bytes) -> Fault:
    """The connection ends after the pieces, without the end of the chunked body."""

    async def play(exchange: Exchange) -> None:
        await _write_pieces(exchange, pieces, SSE, _SHORTLY_S)
        exchange.close()

    return play


def stalled_stream(*pieces: str | bytes) -> Fault:
    """Falls silent after the pieces, and stays so."""

    async def play(exchange: Exchange) -> None:
        await _write_pieces(exchange, pieces, SSE, 0.0)
        await _forever()

    return play


async def _write_pieces(
    exchange: Exchange, pieces: Sequence[str | bytes], headers: Mapping[str, str], pause_s: float
) -> None:
    exchange.write_head(200, {**headers, "transfer-encoding": "chunked"})
    for piece in pieces:
        exchange.write_chunk(piece.encode() if isinstance(piece, str) else piece)
        await asyncio.sleep(pause_s)


def slow_drip(body: bytes, pause_s: float) -> Fault:
    """A whole answer, byte by byte."""

    async def play(exchange: Exchange) -> None:
        exchange.write_head(200, {**JSON, "content-length": str(len(body))})
        for index in range(len(body)):
            exchange.write(body[index : index + 1])
            await asyncio.sleep(pause_s)

    return play


def huge_body(size: int) -> Fault:
    async def play(exchange: Exchange) -> None:
        exchange.write_head(200, {**JSON, "content-length": str(size)})
        exchange.write(b" " * size)

    return play


def raw(data: bytes, *, then_close: bool = False) -> Fault:
    async def play(exchange: Exchange) -> None:
        exchange.write(data)
        if then_close:
            exchange.close()

    return play


async def reset_before_answer(exchange: Exchange) -> None:
    exchange.reset()


async def close_before_answer(exchange: Exchange) -> None:
    exchange.close()


async def answer_then_close(exchange: Exchange) -> None:
    """A whole answer whose connection the server ends without having said so."""
    await answer(200, {})(exchange)
    await asyncio.sleep(_SHORTLY_S)
    exchange.close()


async def answer_then_reset(exchange: Exchange) -> None:
    """An answer whose body comes after its headers; then the idle connection is reset."""
    exchange.write_head(200, {**JSON, "content-length": "2"})
    await asyncio.sleep(_SHORTLY_S)
    exchange.write(b"{}")
    await asyncio.sleep(_SHORTLY_S)
    exchange.reset()


async def reset_within_headers(exchange: Exchange) -> None:
    exchange.write(b"HTTP/1.1 200 OK\r\ncontent-ty")
    await asyncio.sleep(_SHORTLY_S)
    exchange.reset()


async def reset_after_headers(exchange: Exchange) -> None:
    exchange.write_head(200, {**JSON, "content-length": "100"})
    await asyncio.sleep(_SHORTLY_S)
    exchange.reset()


async def half_body(exchange: Exchange) -> None:
    exchange.write_head(200, {**JSON, "content-length": "100"})
    exchange.write(b'{"half":')
    await asyncio.sleep(_SHORTLY_S)
    exchange.close()


async def half_chunk(exchange: Exchange) -> None:
    exchange.write_head(200, {**JSON, "transfer-encoding": "chunked"})
    exchange.write(b'64\r\n{"half":')
    await asyncio.sleep(_SHORTLY_S)
    exchange.close()


async def malformed_chunk(exchange: Exchange) -> None:
    """Begins well; then the length of a chunk is no number. The connection stays open."""
    exchange.write_head(200, {**JSON, "transfer-encoding": "chunked"})
    exchange.write_chunk(b'{"half":')
    await asyncio.sleep(_SHORTLY_S)
    exchange.write(b"zz\r\nxx\r\n")
    await _forever()


async def silence(exchange: Exchange) -> None:
    """Takes the request and never answers."""
    await _forever()


async def silence_after_headers(exchange: Exchange) -> None:
    exchange.write_head(200, {**JSON, "content-length": "100"})
    await _forever()


async def _forever() -> None:
    await asyncio.Event().wait()
