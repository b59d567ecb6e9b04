"""The load generator against a server that answers, rightly or not, with bytes of the mock upstream."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from benchmarks.load import Findings, Load
from benchmarks.load_process import Generator
from benchmarks.mock_upstream import answer_to
from benchmarks.plans import Plan
from tests.asyncio_support import run_async

PLAN = Plan(chunks=5, pace_ms=1)
STREAM = answer_to(b"0/5/1", streamed=True, with_usage=True).parts
PLAIN = answer_to(None, streamed=False, with_usage=False).parts


def test_load_counts_a_stream_that_is_whole_and_in_order() -> None:
    found = _ask(STREAM, streamed=True)

    assert (found.requests, found.failures, found.first_chunk.count) == (3, 0, 3)


def test_load_reads_a_stream_that_comes_in_any_pieces() -> None:
    everything = b"".join(STREAM)
    bytewise = [everything[at : at + 7] for at in range(0, len(everything), 7)]

    found = _ask(bytewise, streamed=True)

    assert (found.requests, found.failures) == (3, 0)


def test_load_notices_a_dropped_chunk() -> None:
    found = _ask([*STREAM[:2], *STREAM[3:]], streamed=True)

    assert (found.requests, found.failures) == (0, 3)
    assert "not what the model said" in found.first_failure


def test_load_notices_chunks_in_the_wrong_order() -> None:
    found = _ask([STREAM[0], STREAM[2], STREAM[1], *STREAM[3:]], streamed=True)

    assert (found.requests, found.failures) == (0, 3)


def test_load_notices_a_stream_without_its_end_mark() -> None:
    found = _ask([part.replace(b"[DONE]", b"[GONE]") for part in STREAM], streamed=True)

    assert found.first_failure == "the stream ends without [DONE]"


def test_load_counts_a_plain_answer() -> None:
    found = _ask(PLAIN, streamed=False)

    assert (found.requests, found.failures, found.latency.count) == (3, 0, 3)


def test_load_notices_a_wrong_status() -> None:
    found = _ask([part.replace(b"200 OK", b"503 No") for part in PLAIN], streamed=False)

    assert (found.requests, found.failures) == (0, 3)
    assert found.first_failure.startswith("status 503: ")


def test_load_notices_another_text() -> None:
    found = _ask([part.replace(b"twice", b"never") for part in PLAIN], streamed=False)

    assert (found.requests, found.failures) == (0, 3)


def test_load_notices_a_connection_that_is_cut() -> None:
    found = _ask([PLAIN[0][:-1]], streamed=False, cut=True)

    assert (found.requests, found.failures) == (0, 1)
    assert found.first_failure.startswith("the connection was cut")


def _ask(parts: Sequence[bytes], *, streamed: bool, cut: bool = False) -> Findings:
    """What one connection finds that asks three times a server which always answers with these parts."""
    return run_async(_against(parts, streamed=streamed, cut=cut))


async def _against(parts: Sequence[bytes], *, streamed: bool, cut: bool) -> Findings:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readuntil(b"max_tokens"):
                await reader.readuntil(b"}")
                for part in parts:
                    writer.write(part)
                    await writer.drain()
                if cut:
                    break
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    load = Load(
        port,
        streamed=streamed,
        plan=PLAN,
        warmup_s=0,
        duration_s=1 if cut else 20,
        most_requests=3,
        finish=True,
    )
    generator = Generator(load)
    try:
        return await generator.run()
    finally:
        generator.close()
        server.close()
        await server.wait_closed()


def test_load_counts_a_stream_as_open_only_once_it_has_brought_text() -> None:
    assert _ask(STREAM, streamed=True).most_open == 1
    assert _ask([STREAM[0].partition(b" tide")[0]], streamed=True, cut=True).most_open == 0
