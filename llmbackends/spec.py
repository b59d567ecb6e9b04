"""The frozen recipe of a backend: the one thing that the row, the environment and a test all make."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .client_bounds import ClientBounds
from .secret import Secret
from .types import Sampling
from .zones import LOOPBACK_ONLY, AddressPolicy

NO_KEY = Secret("")


@dataclass(frozen=True, slots=True)
class BackendSpec:
    """How to build one backend.

    endpoint_url: base URL without a trailing slash; "" where the provider answers in process.
    api_key: masked; empty where the provider takes none.
    timeout_s: the longest that one call may take, attempts and waits between them included.
    idle_timeout_s: the longest silence once an answer has begun.
    max_retries: further attempts after the first.
    sampling: what is sent where a request sets nothing itself.
    client_bounds: what a client's request may set itself.
    options: the provider's own settings (context size, model path, body template …), valid by its schema.
    addresses: where its calls may go; whoever builds a spec's backend may set it for all of them.
    """

    provider: str
    model: str
    endpoint_url: str = ""
    api_key: Secret = NO_KEY
    timeout_s: float = 120.0
    connect_timeout_s: float = 10.0
    idle_timeout_s: float = 60.0
    max_retries: int = 2
    max_connections: int = 4096
    sampling: Sampling = field(default_factory=Sampling)
    client_bounds: ClientBounds = field(default_factory=ClientBounds)
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)  # headers may hold a secret
    addresses: AddressPolicy = field(default=LOOPBACK_ONLY, repr=False)
