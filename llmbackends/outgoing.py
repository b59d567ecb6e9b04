"""The HTTP calls to one provider: where they go, what headers they carry, their body as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import msgspec

from .catalog import Provider
from .errors import RequestError
from .http import HTTPCall
from .secret import Secret
from .spec import BackendSpec
from .texts import Sentence, gettext_noop

_JSON = {"content-type": "application/json"}


class Outgoing:
    """Makes the calls. What they have in common is made once."""

    def __init__(self, spec: BackendSpec, provider: Provider) -> None:
        self._key = spec.api_key
        self._provider = provider
        self._base_url = _base_url(spec.endpoint_url, provider)
        self._get_headers = self._with_key({})
        self._post_headers = {**_JSON, **self._get_headers}

    def look_up(self, path: str) -> HTTPCall:
        return HTTPCall("GET", join_url(self._base_url, path), self._get_headers, harmless=True)

    def post(
        self,
        path: str,
        body: Mapping[str, Any],
        *,
        method: str = "POST",
        headers: Mapping[str, str] | None = None,
        ends_connection: bool = False,
    ) -> HTTPCall:
        """`headers`: more than the row's. Raises RequestError if the body cannot be written as JSON."""
        written = as_json(body)  # before there is a local variable with the key in it
        given = {**_JSON, **self._with_key(headers)} if headers else self._post_headers
        url = join_url(self._base_url, path)
        return HTTPCall(method, url, given, written, ends_connection=ends_connection)

    def _with_key(self, headers: Mapping[str, str]) -> dict[str, str]:
        """The row's headers, these, and the key, which wins over both."""
        auth = _auth_header(self._provider, self._key)
        return {
            name.lower(): value for name, value in (*self._provider.headers.items(), *headers.items(), *auth)
        }


@lru_cache(maxsize=256)
def join_url(endpoint_url: str, path: str) -> str:
    """The endpoint with the path below it. An endpoint that already ends in /v1 does not get it twice."""
    base = endpoint_url.rstrip("/")
    if not path:
        return base
    path = "/" + path.lstrip("/")
    if base.endswith("/v1") and path.startswith("/v1/"):
        base = base.removesuffix("/v1")
    return base + path


def as_json(body: Mapping[str, Any]) -> bytes:
    """Raises RequestError if it cannot be written."""
    try:
        written = msgspec.json.encode(body)
    except (TypeError, ValueError, RecursionError, msgspec.MsgspecError):
        return _as_strict_json(body)
    # msgspec writes null for a number that is none: what holds a null has to be looked at more closely.
    return _as_strict_json(body) if b"null" in written else written


def _as_strict_json(body: Mapping[str, Any]) -> bytes:
    """Several times slower. Writes lone surrogates as well, and refuses what is not a number."""
    try:
        return json.dumps(body, separators=(",", ":"), allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise RequestError(
            Sentence(gettext_noop("The request cannot be written as JSON: %(error)s."), error=str(error))
        ) from error


def _base_url(endpoint_url: str, provider: Provider) -> str:
    """Without a /v1 at its end where the provider's own paths begin with it: not all do (vLLM's /health)."""
    base = endpoint_url.rstrip("/")
    return base.removesuffix("/v1") if (provider.chat_path or "").startswith("/v1/") else base


def _auth_header(provider: Provider, key: Secret) -> tuple[tuple[str, str], ...]:
    if not key:
        return ()
    if provider.auth == "bearer":
        return (("authorization", f"Bearer {key.reveal()}"),)
    return (("x-api-key", key.reveal()),)
