"""The web server: uvicorn on a socket of our own, with streams told to end when it stops."""

from __future__ import annotations

import socket
import warnings
from contextlib import suppress
from types import FrameType

import uvicorn

from background.draining import draining

from .tuning import tune


class Server(uvicorn.Server):
    """Sets `draining` at the first signal: open streams end with an event instead of being cut.

    uvicorn alone waits for them until its time-out and then cancels them without running their `finally`.
    """

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        # After Ctrl-C uvicorn stops in good order and then raises the signal once more.
        with suppress(KeyboardInterrupt):
            super().run(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        tune()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        draining.set()
        super().handle_exit(sig, frame)


def bind(host: str, port: int) -> socket.socket:
    """A listening socket. Raises OSError, with errno EADDRINUSE if the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=2048)


def build_server(*, shutdown_s: float) -> Server:
    """The server for config.asgi:application, to be run with the socket of `bind`."""
    # whitenoise hands Django its files as iterators. They are small: reading them whole is what we want.
    warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous iterators")
    return Server(
        uvicorn.Config(
            "config.asgi:application",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            # Longer than clients and proxies keep theirs (5 to 60 s): an idle connection that ends just as a
            # request leaves on it is an error for the client.
            timeout_keep_alive=75,
            timeout_graceful_shutdown=max(1, round(shutdown_s)),
        )
    )
