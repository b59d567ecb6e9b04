from __future__ import annotations

import errno
import socket
from argparse import ArgumentParser, BooleanOptionalAction
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.management.base import BaseCommand, CommandError

from config import server


class Command(BaseCommand):
    help = (
        "Serve the API, the admin and the pages. Runs generation jobs in the same process too, unless "
        "REDIS_URL is set (then `manage.py worker` does) or --no-embedded-runner is given."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (%(default)s)")
        parser.add_argument("--port", type=int, default=8000, help="the port to listen on (%(default)s)")
        parser.add_argument(
            "--embedded-runner",
            action=BooleanOptionalAction,
            default=None,
            help="run generation jobs in this process (default: GENERATION_EMBEDDED_RUNNER)",
        )

    def handle(self, *, host: str, port: int, embedded_runner: bool | None, **options: Any) -> None:
        if embedded_runner is not None:
            settings.GENERATION_EMBEDDED_RUNNER = embedded_runner
        if not getattr(staticfiles_storage, "hashed_files", True):  # of what collectstatic has left
            self.stderr.write(
                "There are no static files, and without them no page. Run `manage.py collectstatic` and "
                "start again. The API works all the same."
            )
        if settings.IS_PRODUCTION and settings.LLM_ALLOW_REMOTE:
            self.stderr.write(
                "LLM_ALLOW_REMOTE is on, so prompts may leave this organisation. Take it away unless that is "
                "meant."
            )
        listener = listen(host, port)
        self.stderr.write(f"Serving on http://{host}:{listener.getsockname()[1]} (Ctrl-C stops)")
        server.build_server(shutdown_s=settings.GENERATION_SHUTDOWN_S).run(sockets=[listener])


def listen(host: str, port: int) -> socket.socket:
    if not 0 <= port <= 65_535:
        raise CommandError(f"A port is a number from 0 to 65535, not {port}.")
    try:
        return server.bind(host, port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise CommandError(
                f"Port {port} of {host} is taken by another program. Choose another one, for example "
                f"`manage.py serve --port {port + 1}` or `make run PORT={port + 1}`."
            ) from None
        raise CommandError(f"Cannot listen on {host}:{port}: {error.strerror}.") from None
