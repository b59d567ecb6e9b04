"""A model's server that answers as told, in a thread, and what became of those who called it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import threading
from collections.abc import Iterator

from tests.llmbackends import faults
from tests.llmbackends.fault_server import Fault, FaultServer


def delta(text: str) -> str:
    return f"data: {json.dumps({'choices': [{'index': 0, 'delta': {'content': text}}]})}\n\n"


STALLED = faults.stalled_stream(delta("The tide"), delta(" comes"))
CUT = faults.cut_stream(delta("The tide"), delta(" comes"))
ERROR_EVENT = faults.events(delta("The tide"), 'data: {"error": {"message": "out of memory"}}\n\n')


@contextlib.contextmanager
def running(*answers: Fault, tls: ssl.SSLContext | None = None) -> Iterator[FaultServer]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = FaultServer(*answers, tls=tls)
    asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result(10)
    try:
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(server.__aexit__(None, None, None), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
