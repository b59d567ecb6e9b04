"""The client: a pool of connections to one service."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from types import TracebackType

import aiohttp

from ..errors import BackendTimeout, BackendUnavailable
from ..texts import Sentence, gettext_noop
from ..zones import AddressPolicy
from .addresses import CheckingResolver, CheckingSockets
from .answer import AbortingResponse, HTTPAnswer
from .errors import backend_error, origin_of

HOP_HEADER = "X-Changeover-Hop"
"""Marks every request we send, so that our own API can refuse one that comes back to it."""

KEEP_ALIVE_S = 4.0
_WRITTEN_AT_ONCE = 64 * 1024
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
        return origin_of(self.url)


class HTTPClient:
    """A pool of connections to one service.

    `max_connections` calls run at the same time; more wait for their turn, until their deadline. It
    connects to what `addresses` allows and to nothing else. It belongs to the event loop it is first used on.
    """

    def __init__(
        self,
        *,
        connect_timeout_s: float,
        idle_timeout_s: float,
        max_connections: int,
        addresses: AddressPolicy,
    ) -> None:
        self._connect_timeout_s = connect_timeout_s
        self._idle_timeout_s = idle_timeout_s
        self._addresses = addresses
        self._slots = asyncio.Semaphore(max_connections)
        self._session: aiohttp.ClientSession | None = None
        self._closed = False

    def send(self, call: HTTPCall, *, deadline: float) -> Sending:
        """The answer, once its headers are there: `async with client.send(…) as answer`."""
        return Sending(self, call, deadline)

    async def aclose(self) -> None:
        self._closed = True
        if self._session is not None:
            await self._session.close()

    async def open(self, call: HTTPCall, deadline: float) -> HTTPAnswer:
        """In a slot of its own, until `close`."""
        await self._take_slot(call, deadline)
        try:
            response = await self._request(call, deadline)
            return HTTPAnswer(response, deadline, self._idle_timeout_s, harmless=call.harmless)
        except BaseException:
            self._slots.release()
            raise

    def close(self, answer: HTTPAnswer) -> None:
        try:
            answer.close()
        finally:
            self._slots.release()

    async def _take_slot(self, call: HTTPCall, deadline: float) -> None:
        if not self._slots.locked():  # then this does not wait
            await self._slots.acquire()
            return
        try:
            async with asyncio.timeout_at(deadline):
                await self._slots.acquire()
        except TimeoutError as error:
            text = gettext_noop("All connections to %(origin)s were in use.")
            raise BackendTimeout(Sentence(text, origin=call.origin), processed=False) from error

    async def _request(self, call: HTTPCall, deadline: float) -> aiohttp.ClientResponse:
        session = self._open_session()
        upload = aiohttp.UploadTracker()
        timeout = asyncio.timeout_at(deadline)
        try:
            async with timeout:
                return await session.request(
                    call.method,
                    call.url,
                    data=_written(call.body),
                    allow_redirects=False,
                    upload_tracker=upload,
                    middlewares=(_headers_of(call),),
                )
        except Exception as foreign:
            processed = _was_sent(upload) and not call.harmless
            if timeout.expired() and isinstance(foreign, TimeoutError):
                text = gettext_noop("%(origin)s did not answer in time.")
                raise BackendTimeout(Sentence(text, origin=call.origin), processed=processed) from foreign
            raise backend_error(foreign, call.origin, processed=processed) from foreign

    def _open_session(self) -> aiohttp.ClientSession:
        if self._closed:
            raise BackendUnavailable(Sentence(gettext_noop("This backend has been closed.")), retryable=False)
        if self._session is None:
            self._session = aiohttp.ClientSession(
                # No limit in the pool: the slots are the limit, so nothing ever waits in the pool.
                connector=aiohttp.TCPConnector(
                    limit=0,
                    keepalive_timeout=KEEP_ALIVE_S,
                    resolver=CheckingResolver(self._addresses),
                    socket_factory=CheckingSockets(self._addresses),
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, connect=self._connect_timeout_s),
                headers=_HEADERS,
                response_class=AbortingResponse,
                trust_env=False,
            )
            # aiohttp would send a GET or PUT again by itself; only retry.py decides about that.
            self._session._retry_connection = False
        return self._session


class Sending:
    """One call, while its answer is read. Leaving early closes the connection at once."""

    __slots__ = ("_answer", "_call", "_client", "_deadline")

    def __init__(self, client: HTTPClient, call: HTTPCall, deadline: float) -> None:
        self._client = client
        self._call = call
        self._deadline = deadline

    async def __aenter__(self) -> HTTPAnswer:
        self._answer = await self._client.open(self._call, self._deadline)
        return self._answer

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close(self._answer)


def _written(body: bytes | None) -> bytes | BytesIO | None:
    """A long one in pieces, so that it is known to have left only when its last piece has."""
    return body if body is None or len(body) <= _WRITTEN_AT_ONCE else BytesIO(body)


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


def _was_sent(upload: aiohttp.UploadTracker) -> bool:
    """Whether the whole request was handed to the connection. Less cannot have been processed."""
    complete = upload.upload_complete
    return complete.done() and complete.exception() is None
