"""The least that a Python proxy can do: Starlette takes a body in, aiohttp sends it on, the answer goes back.

Served by uvicorn in one process. UPSTREAM_URL names the upstream.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator

import aiohttp
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

URL = os.environ["UPSTREAM_URL"] + "/v1/chat/completions"
_JSON = {"content-type": "application/json"}


@contextlib.asynccontextmanager
async def lifespan(application: Starlette) -> AsyncIterator[None]:
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        application.state.session = session
        yield


async def forward(request: Request) -> Response:
    session: aiohttp.ClientSession = request.app.state.session
    answer = await session.post(URL, data=await request.body(), headers=_JSON)
    if answer.content_type == "text/event-stream":
        return StreamingResponse(_chunks(answer), answer.status, media_type=answer.content_type)
    async with answer:
        return Response(await answer.read(), answer.status, media_type=answer.content_type)


async def _chunks(answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    async with answer:
        async for chunk in answer.content.iter_any():
            yield chunk


application = Starlette(routes=[Route("/v1/chat/completions", forward, methods=["POST"])], lifespan=lifespan)
