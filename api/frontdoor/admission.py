"""Who may come in: the checks before a request's body is read as one, cheapest first."""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from apikeys.authentication import authenticate
from apikeys.models import ApiKey, Scope
from epochs.current import Epochs

from ..authentication import HOP_HEADER
from ..errors import ApiError
from . import address
from .exchange import Exchange, Header

TO_GENERATE = (Scope.GENERATE,)
TO_READ = (Scope.GENERATE, Scope.READ, Scope.MANAGE)


def require_method(exchange: Exchange, *methods: str) -> None:
    """Raises ApiError("method_not_allowed")."""
    if exchange.method not in methods:
        exchange.extra_headers.append((b"allow", ", ".join(methods).encode()))
        raise ApiError("method_not_allowed")


def ensure_admissible(exchange: Exchange) -> None:
    """Raises ApiError for a Host that is not ours, or a request that has been here before."""
    address.ensure_allowed_host(exchange)
    if HOP_HEADER.lower() in exchange.headers:
        raise ApiError("loop_detected")


def begin_log(exchange: Exchange) -> None:
    """From here on, what the request logs has its id; a connection may carry several requests."""
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=exchange.request_id)


async def identify(exchange: Exchange, epochs: Epochs) -> ApiKey:
    """The caller's key. Raises InvalidApiKey."""
    key = await authenticate(exchange.headers, epochs)
    structlog.contextvars.bind_contextvars(api_key=key.prefix)
    return key


def encoded(headers: Mapping[str, str]) -> list[Header]:
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]
