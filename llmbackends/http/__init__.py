"""The only package that speaks HTTP: one client for each backend, and every foreign exception mapped here.

It uses aiohttp itself rather than httpx's API over the httpx-aiohttp transport. Measured with
tests/llmbackends/fault_server.py, that transport (0.2.0) reports refusal, reset and disconnect all as
ConnectTimeout, lets malformed HTTP through raw, gives no way to tell whether the request left, hangs beyond
its own read time-out when a chunk in the middle of an answer is malformed, and takes twice the time.

Time-outs: connecting (name look-up and TLS included), silence once the first byte of an answer's body
came, and the deadline of the whole call, a moment of the event loop's clock.

Kept-alive connections: a server may close an idle one just as a request leaves on it. Nothing on our side
then tells whether the request was read, so it counts as processed and is not sent again. To make that rare,
we drop idle connections after KEEP_ALIVE_S, before the usual servers do (uvicorn, Node, cpp-httplib: 5 s).
If the loss is noticed before the whole request was handed to the connection, it proves not processed.
"""

from .answer import HTTPAnswer
from .client import HOP_HEADER, HTTPCall, HTTPClient

__all__ = ["HOP_HEADER", "HTTPAnswer", "HTTPCall", "HTTPClient"]
