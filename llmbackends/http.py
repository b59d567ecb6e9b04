"""The only file that speaks HTTP: one client for each backend, and every foreign exception mapped here.

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

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from io import BytesIO
from urllib.parse import urlsplit

import aiohttp
from aiohttp.connector import Connection
from aiohttp.http_exceptions import ContentEncodingError, HttpProcessingError
from multidict import CIMultiDict, CIMultiDictProxy

from .errors import (
    BackendError,
    BackendFailed,
    BackendTimeout,
    BackendUnavailable,
    BadAnswer,
    ConfigurationError,
    ConnectionLost,
)

HOP_HEADER = "X-Changeover-Hop"
"""Marks every request we send, so that our own API can refuse one that comes back to it."""

KEEP_ALIVE_S = 4.0
MAX_ANSWER_BYTES = 32 * 1024 * 1024
_TAIL_S = 0.05
# Identity: an answer is read as it comes, and cannot swell when unpacked.
_HEADERS = {HOP_HEADER: "1", "User-Agent": "changeover", "Accept-Encoding": "identity"}


@dataclass(frozen=True, slots=True)
class HTTPCall:
    """One request.

    harmless: it may be sent twice (a look-up), so no loss of it ever counts as processed.
    ends_connection: its connection serves no call after it. For streams: some servers (llama.cpp's) close
    after a stream although they promised to keep the connection, and the next call would be lost on it.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    harmless: bool = False
    ends_connection: bool = False

    @property
    def origin(self) -> str:
        """Scheme, host and port, for messages: a path or a query may hold what staff should not read."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


class HTTPClient:
    """A pool of connections to one service.

    `max_connections` calls run at the same time; more wait for their turn, until their deadline. It
    belongs to the event loop it is first used on.
    """

    def __init__(self, *, connect_timeout_s: float, idle_timeout_s: float, max_connections: int) -> None:
        self._connect_timeout_s = connect_timeout_s
        self._idle_timeout_s = idle_timeout_s
        self._slots = asyncio.Semaphore(max_connections)
        self._session: aiohttp.ClientSession | None = None
        self._closed = False

    @asynccontextmanager
    async def send(self, call: HTTPCall, *, deadline: float) -> AsyncIterator[HTTPAnswer]:
        """The answer, once its headers are there. Leaving early closes the connection at once."""
        async with self._slot(call, deadline):
            answer = HTTPAnswer(call, await self._open(call, deadline), deadline, self._idle_timeout_s)
            try:
                yield answer
            finally:
                answer.close()

    async def aclose(self) -> None:
        self._closed = True
        if self._session is not None:
            await self._session.close()

    @asynccontextmanager
    async def _slot(self, call: HTTPCall, deadline: float) -> AsyncIterator[None]:
        def too_late() -> BackendError:
            return BackendTimeout(f"All connections to {call.origin} were in use.", processed=False)

        async with _until(deadline, too_late):
            await self._slots.acquire()
        try:
            yield
        finally:
            self._slots.release()

    async def _open(self, call: HTTPCall, deadline: float) -> aiohttp.ClientResponse:
        session = self._open_session()
        upload = aiohttp.UploadTracker()

        def processed() -> bool:
            return _was_sent(upload) and not call.harmless

        def too_late() -> BackendError:
            return BackendTimeout(f"{call.origin} did not answer in time.", processed=processed())

        async with _until(deadline, too_late):
            with _mapped(call, processed):
                return await session.request(
                    call.method,
                    call.url,
                    data=None if call.body is None else BytesIO(call.body),  # written in pieces
                    allow_redirects=False,
                    upload_tracker=upload,
                    middlewares=(_headers_of(call),),
                )

    def _open_session(self) -> aiohttp.ClientSession:
        if self._closed:
            raise BackendUnavailable("This backend has been closed.", retryable=False)
        if self._session is None:
            self._session = aiohttp.ClientSession(
                # No limit in the pool: the slots are the limit, so nothing ever waits in the pool.
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE_S),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, connect=self._connect_timeout_s),
                headers=_HEADERS,
                response_class=_Response,
                trust_env=False,
            )
            # aiohttp would send a GET or PUT again by itself; only retry.py decides about that.
            self._session._retry_connection = False
        return self._session


class HTTPAnswer:
    """An answer whose body is still to be read."""

    def __init__(
        self, call: HTTPCall, response: aiohttp.ClientResponse, deadline: float, idle_timeout_s: float
    ) -> None:
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers
        self._call = call
        self._response = response
        self._deadline = deadline
        self._idle_timeout_s = idle_timeout_s
        self._has_begun = False
        self._forget = _wake_reader_when_closed(response)

    async def read_piece(self) -> bytes:
        """The next bytes of the body as they come in; b"" at its end."""
        now = asyncio.get_running_loop().time()
        idle_end = now + self._idle_timeout_s if self._has_begun else self._deadline
        too_late = self._too_silent if idle_end < self._deadline else self._too_long
        async with _until(min(idle_end, self._deadline), too_late):
            with _mapped(self._call, lambda: not self._call.harmless):
                piece = await self._response.content.readany()
        self._has_begun = True
        return piece

    async def read(self, *, max_bytes: int = MAX_ANSWER_BYTES) -> bytes:
        """The whole body. Raises BadAnswer when it is longer than `max_bytes`."""
        body = bytearray()
        while piece := await self.read_piece():
            body += piece
            if len(body) > max_bytes:
                raise BadAnswer(f"{self._call.origin} sent an answer of more than {max_bytes} bytes.")
        return bytes(body)

    async def read_start(self, max_bytes: int) -> bytes:
        """What can be had of the first `max_bytes` of the body: for an error, of which the status counts."""
        body = bytearray()
        with suppress(BackendError):
            while len(body) < max_bytes and (piece := await self.read_piece()):
                body += piece
        return bytes(body[:max_bytes])

    async def finish(self) -> None:
        """After a stream's end marker: takes the end of the body, so that the service is not cut off."""
        self._deadline = min(self._deadline, asyncio.get_running_loop().time() + _TAIL_S)
        await self.read_start(1024)

    def close(self) -> None:
        self._forget()
        self._response.close()

    def _too_silent(self) -> BackendError:
        return BackendTimeout(
            f"{self._call.origin} fell silent for {self._idle_timeout_s:g} s in the middle of its answer."
        )

    def _too_long(self) -> BackendError:
        return BackendTimeout(f"{self._call.origin} did not finish its answer in time.")


def _headers_of(call: HTTPCall) -> aiohttp.ClientMiddlewareType:
    """Adds the call's headers to a request that aiohttp has made without them.

    Given to `request` itself they would be a local variable there, and the API key would stand in every
    traceback that shows local variables.
    """

    async def add(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        request.headers.update(call.headers)
        if call.ends_connection:
            request.headers["connection"] = "close"
        return await send(request)

    return add


class _Response(aiohttp.ClientResponse):
    """Ends its connection where the request said so, even if the service would keep it.

    And cuts it when it is closed before its end: aiohttp would first send the rest of the request and then
    wait for the peer's end of TLS; the service should stop working now.
    """

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        # Before the answer is read: a short one gives its connection back while this still runs.
        if self.request_info.headers.get("connection") == "close" and connection.protocol is not None:
            connection.protocol.force_close()
        return await super().start(connection)

    def close(self) -> None:
        if self.connection is not None and self.connection.transport is not None:
            self.connection.transport.abort()
        super().close()


def _wake_reader_when_closed(response: aiohttp.ClientResponse) -> Callable[[], None]:
    """Ends the wait for bytes that can no longer come; returns what undoes this.

    aiohttp (3.14.5) leaves the reader waiting for ever when it closes the connection itself: on a malformed
    chunk in the middle of a body, and when the session is closed.
    """
    protocol = response.connection.protocol if response.connection is not None else None
    closed = protocol.closed if protocol is not None else None
    if protocol is None or closed is None:
        return lambda: None
    content = response.content

    def wake(_: asyncio.Future[None]) -> None:
        if not content.is_eof() and content.exception() is None:
            content.set_exception(protocol.exception() or aiohttp.ClientConnectionError("closed"))

    def undo() -> None:
        closed.remove_done_callback(wake)

    closed.add_done_callback(wake)
    closed.remove_done_callback(_read_outcome)  # one is enough, however many answers the connection brings
    closed.add_done_callback(_read_outcome)
    return undo


def _read_outcome(closed: asyncio.Future[None]) -> None:
    """Or asyncio would log as never retrieved that the peer reset an idle connection."""
    closed.exception()


def _was_sent(upload: aiohttp.UploadTracker) -> bool:
    """Whether the whole request was handed to the connection. Less cannot have been processed."""
    complete = upload.upload_complete
    return complete.done() and complete.exception() is None


@asynccontextmanager
async def _until(deadline: float, too_late: Callable[[], BackendError]) -> AsyncIterator[None]:
    """Raises what `too_late` makes if the body is not done by `deadline`, a time of the loop's clock."""
    timeout = asyncio.timeout_at(deadline)
    try:
        async with timeout:
            yield
    except TimeoutError as error:
        if not timeout.expired():
            raise
        raise too_late() from error


@contextmanager
def _mapped(call: HTTPCall, processed: Callable[[], bool]) -> Iterator[None]:
    """Turns whatever aiohttp raises into one of our errors. `processed` is asked only then."""
    try:
        yield
    except Exception as foreign:
        _forget_headers(foreign)
        raise _backend_error(foreign, call.origin, processed()) from foreign


def _forget_headers(foreign: Exception) -> None:
    """The repr of some aiohttp errors shows the request's headers, and so the API key."""
    if isinstance(foreign, aiohttp.ClientResponseError):
        foreign.request_info = foreign.request_info._replace(headers=CIMultiDictProxy(CIMultiDict()))
        foreign.args = ()


def _backend_error(foreign: Exception, origin: str, processed: bool) -> BackendError:
    if (unreached := _unreached(foreign, origin)) is not None:
        return unreached
    match foreign:
        case aiohttp.ClientResponseError() | HttpProcessingError():
            return BadAnswer(f"{origin} sent something that is not HTTP: {_first_line(foreign.message)}")
        case aiohttp.ClientPayloadError() if isinstance(foreign.__cause__, ContentEncodingError):
            return BadAnswer(f"{origin} sent a body that its content encoding does not fit.")
        case aiohttp.ClientPayloadError():
            return ConnectionLost(f"{origin} broke off its answer.", processed=processed)
        case aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError() | ValueError():
            return ConfigurationError(f"No request to {origin} can be made of this endpoint URL and key.")
        case aiohttp.ClientConnectionError() | OSError():
            return ConnectionLost(f"The connection to {origin} was lost.", processed=processed)
    return BackendFailed(
        f"The request to {origin} failed unexpectedly: {type(foreign).__name__}.",
        retryable=False,
        processed=processed,
    )


def _unreached(foreign: Exception, origin: str) -> BackendUnavailable | None:
    """The error if no connection came about, so that nothing can have been processed."""
    match foreign:
        case aiohttp.ConnectionTimeoutError():
            return BackendUnavailable(f"No connection to {origin}: it did not answer in time.")
        case aiohttp.ClientConnectorCertificateError():
            return BackendUnavailable(
                f"No connection to {origin}: its certificate is not trusted.", retryable=False
            )
        case aiohttp.ClientSSLError():
            return BackendUnavailable(f"No connection to {origin}: TLS failed.")
        case aiohttp.ClientConnectorDNSError():
            return BackendUnavailable(f"No connection to {origin}: the name is not known.")
        case aiohttp.ClientConnectorError():
            return BackendUnavailable(f"No connection to {origin}: {_reason(foreign.os_error)}.")
    return None


def _reason(error: OSError) -> str:
    """asyncio's own text only repeats the address, where it has the system's number of the error."""
    if error.errno == errno.ECONNREFUSED:
        return "connection refused (is the service running there?)"
    return os.strerror(error.errno).lower() if error.errno else "no connection"


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0][:200].rstrip(":")
