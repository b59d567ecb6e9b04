"""The routes of /v1, served as a plain ASGI application beside Django's handlers.

A request here costs no thread, no Django request and no middleware (docs/decisions/0002 tells what that
saves); what these do for other paths is done in `address` and `exchange`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog
from django.conf import settings

from apikeys import limits
from background.draining import draining
from epochs.current import Epochs, current
from generation.answering.metering import Meter
from generation.failures import PublicError
from llmbackends.errors import UnsupportedFeature
from usage.entries import Outcome

from ..anthropic.errors import anthropic_error
from ..anthropic.messages import MESSAGES
from ..authentication import require_scope
from ..errors import ApiError
from ..openai import models
from ..openai.chat import CHAT
from ..openai.completions import COMPLETIONS
from ..openai.errors import openai_error
from ..openai.responses import RESPONSES
from . import address
from .admission import TO_GENERATE, TO_READ, begin_log, encoded, ensure_admissible, identify, require_method
from .answering import answer_chat, answer_embeddings
from .dialect import Dialect
from .exchange import ClientGone, Exchange, Receive, Send
from .failures import Refusal, refusal_of
from .supervision import OpenRequests

log = structlog.get_logger(__name__)

PREFIX = "/v1/"
_MODELS = "/v1/models"
_MESSAGES = "/v1/messages"

Generate = Callable[[Exchange, bytes, Epochs, Meter, OpenRequests], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Route:
    """A route that asks the model; `name` stands in usage records.

    id_header: in which its clients look for the request's id, besides X-Request-ID.
    """

    name: str
    generate: Generate
    id_header: bytes | None = None


def _chat_route(dialect: Dialect, *, id_header: bytes | None = None) -> Route:
    return Route(dialect.name, partial(answer_chat, dialect), id_header)


def _openai_error(error: PublicError, request_id: str) -> bytes:
    return openai_error(error)


ROUTES = {
    "/v1/chat/completions": _chat_route(CHAT),
    "/v1/completions": _chat_route(COMPLETIONS),
    "/v1/responses": _chat_route(RESPONSES),
    "/v1/messages": _chat_route(MESSAGES, id_header=b"request-id"),
    "/v1/embeddings": Route("embeddings", answer_embeddings),
}


class FrontDoor:
    """An ASGI application for HTTP. `drain` runs beside it, so that requests end before the process does."""

    def __init__(self) -> None:
        self._under_way = OpenRequests()

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        exchange = Exchange(scope, receive, send)
        begin_log(exchange)
        route = ROUTES.get(exchange.path)
        try:
            if await address.sent_to_https(exchange):
                return
            if route is not None:
                await self._generate(route, exchange)
            else:
                await _tell_models(exchange)
        except ClientGone:
            pass
        except Exception as error:
            await _refuse(exchange, refusal_of(error), error)

    async def drain(self) -> None:
        """Once the process is told to stop, ends the requests that take too long; runs until then."""
        while True:
            await draining.wait()
            await asyncio.sleep(settings.API_DRAIN_S)
            if draining.is_set():  # else it serves again, and nobody's request is to end
                self._under_way.end_all()
                return

    async def _generate(self, route: Route, exchange: Exchange) -> None:
        if route.id_header is not None:
            exchange.extra_headers.append((route.id_header, exchange.request_id.encode()))
        require_method(exchange, "POST")
        ensure_admissible(exchange)
        body = await exchange.body()
        epochs = await current()
        key = await identify(exchange, epochs)
        meter = Meter(key_id=key.pk, request_id=exchange.request_id, route=route.name)
        try:
            require_scope(key, TO_GENERATE)
            async with await limits.admit(key) as admission:
                exchange.extra_headers += encoded(admission.headers)
                await route.generate(exchange, exchange.unpacked(body), epochs, meter, self._under_way)
        except ClientGone:
            meter.end(Outcome.CANCELLED)
            log.info("client_gone", route=route.name)
        except Exception as error:
            refusal = refusal_of(error)
            meter.fail(refusal.public, was_sent=not isinstance(error, UnsupportedFeature))
            await _refuse(exchange, refusal, error)
        finally:
            # Only what is no Exception, such as the server's being killed, comes here with the meter running.
            meter.end(Outcome.CANCELLED)


async def _tell_models(exchange: Exchange) -> None:
    """GET /v1/models and /v1/models/{id}."""
    ensure_admissible(exchange)
    if exchange.path != _MODELS and not exchange.path.startswith(f"{_MODELS}/"):
        raise ApiError("not_found", "There is nothing at this address. Under /v1 are " + _ADDRESSES)
    require_method(exchange, "GET", "HEAD")
    require_scope(await identify(exchange, await current()), TO_READ)
    name = exchange.path.removeprefix(_MODELS).removeprefix("/")
    await exchange.answer(200, models.one(name) if name else models.listed())


_ADDRESSES = ", ".join(path.removeprefix("/v1/") for path in (*ROUTES, _MODELS)) + "."


async def _refuse(exchange: Exchange, refusal: Refusal, error: Exception) -> None:
    """Answers with the refusal, in the route's own form. Raises `error` if the answer has begun already."""
    if exchange.has_started:
        raise error
    public = refusal.public
    log.info(
        "request_refused", path=exchange.path, status=public.status, code=public.code, param=public.param
    )
    exchange.extra_headers += encoded(refusal.headers)
    write = anthropic_error if exchange.path.startswith(_MESSAGES) else _openai_error
    await exchange.answer(public.status, write(public, exchange.request_id))
