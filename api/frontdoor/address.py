"""Under which names and schemes the front door answers: what Django's middleware does for all other paths."""

from __future__ import annotations

from functools import lru_cache

from django.conf import settings
from django.http.request import split_domain_port, validate_host

from ..errors import ApiError
from .exchange import Exchange, Header

_ALWAYS: tuple[Header, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
)


def ensure_allowed_host(exchange: Exchange) -> None:
    """Raises ApiError for a Host outside ALLOWED_HOSTS."""
    if not _is_allowed(exchange.headers.get("host", ""), tuple(settings.ALLOWED_HOSTS)):
        raise ApiError(
            "invalid_request",
            "The service does not answer under this name. Use one that its administrator has allowed.",
            param="Host",
        )


def is_secure(exchange: Exchange) -> bool:
    """Whether the client spoke TLS, with us or with the proxy that the settings trust."""
    if settings.SECURE_PROXY_SSL_HEADER:
        name, value = settings.SECURE_PROXY_SSL_HEADER
        said = exchange.headers.get(name.removeprefix("HTTP_").replace("_", "-").lower())
        if said is not None:
            return bool(said.split(",")[0].strip() == value)
    return bool(exchange.scope.get("scheme") == "https")


async def sent_to_https(exchange: Exchange) -> bool:
    """Answers who should have come over TLS, if the settings say so; and gives every answer its headers.

    Raises ApiError for a Host outside ALLOWED_HOSTS.
    """
    secure = is_secure(exchange)
    exchange.extra_headers += security_headers(secure)
    if secure or not settings.SECURE_SSL_REDIRECT:
        return False
    ensure_allowed_host(exchange)
    await exchange.answer(301, b"", headers=((b"location", https_location(exchange)),))
    return True


def security_headers(secure: bool) -> tuple[Header, ...]:
    if not (secure and settings.SECURE_HSTS_SECONDS):
        return _ALWAYS
    return (*_ALWAYS, (b"strict-transport-security", _hsts(settings.SECURE_HSTS_SECONDS)))


def https_location(exchange: Exchange) -> bytes:
    """Where the same request would be answered over TLS. The host has been checked."""
    path: bytes = exchange.scope.get("raw_path") or exchange.path.encode()
    query: bytes = exchange.scope.get("query_string", b"")
    host = exchange.headers.get("host", "").encode("latin-1")
    return b"".join((b"https://", host, path, b"?" if query else b"", query))


def _hsts(seconds: int) -> bytes:
    value = f"max-age={seconds}"
    value += "; includeSubDomains" if settings.SECURE_HSTS_INCLUDE_SUBDOMAINS else ""
    value += "; preload" if settings.SECURE_HSTS_PRELOAD else ""
    return value.encode()


@lru_cache(maxsize=256)
def _is_allowed(host: str, allowed: tuple[str, ...]) -> bool:
    domain, _ = split_domain_port(host)
    return bool(domain) and validate_host(domain, allowed)
