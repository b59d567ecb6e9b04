"""The ASGI application: a handler for each kind of path, and what the process runs beside them."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import django
from django.apps import apps

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
if not apps.ready:  # `manage.py serve` has set it up, and a command may have changed its logging since
    django.setup(set_prefix=False)

from django.conf import settings
from django.core.handlers.asgi import ASGIHandler

from api import submitting
from api.body_limit import BodyLimit
from api.fallbacks import API_PATHS
from api.frontdoor.application import PREFIX, FrontDoor
from apikeys import limits
from background.draining import draining
from epochs import current as epochs
from epochs.models import Role
from epochs.reporting import ProcessReporter
from generation.accepting import intake
from generation.running import runner
from llmconfigs.active import close_backends, follow
from usage import writer as usage_writer
from webhooks import sender

from .handlers import ApiHandler

USAGE_PATIENCE_S = 5.0
"""For the last usage records, while the database is down."""


class Application:
    """/v1 goes to the front door, new jobs to a door beside it, other API paths to the handler without the
    browser's middleware, all others to Django's own."""

    def __init__(self, *, embedded_runner: bool) -> None:
        self._front_door = FrontDoor()
        self._submissions = submitting.SubmissionDoor()
        self._api = BodyLimit(ApiHandler())
        self._pages = BodyLimit(ASGIHandler())
        self._embedded_runner = embedded_runner
        self._reporter = ProcessReporter(Role.WEB, follow=follow)

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._handler(scope["method"], scope["path"])(scope, receive, send)
        else:
            raise ValueError(f"This application serves HTTP, not {scope['type']}.")

    def _handler(self, method: str, path: str) -> Any:
        if path.startswith(PREFIX):
            return self._front_door
        if path == submitting.PATH and method == submitting.METHOD:
            return self._submissions
        return self._api if path.startswith(API_PATHS) else self._pages

    async def _live(self, receive: Any, send: Any) -> None:
        await receive()
        try:
            await asyncio.to_thread(self._start)
        except Exception as error:
            await send({"type": "lifespan.startup.failed", "message": f"The runner did not start: {error}"})
            raise
        answering = asyncio.create_task(self._front_door.drain())
        running = asyncio.create_task(_run_until_drained())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        answering.cancel()
        await close_backends()
        await limits.close()
        await asyncio.to_thread(self._store_what_waits)
        if draining.is_set():
            await running
        running.cancel()
        await asyncio.to_thread(self._stop)
        await send({"type": "lifespan.shutdown.complete"})

    def _start(self) -> None:
        """Raises RuntimeError if the runner cannot start."""
        if self._embedded_runner:
            runner.start_embedded()
            sender.start_here()
        self._reporter.start()

    def _store_what_waits(self) -> None:
        """The first thing: whoever stopped us may not wait for jobs to end."""
        intake.stop()
        usage_writer.stop(timeout_s=USAGE_PATIENCE_S)

    def _stop(self) -> None:
        if self._embedded_runner:
            runner.stop_embedded()
            sender.stop_here()
        self._reporter.stop()
        epochs.close()


async def _run_until_drained() -> None:
    """The jobs end beside the answers that are under way, not after them, and no more are begun."""
    await draining.wait()
    await asyncio.to_thread(runner.stop_embedded)


application = Application(embedded_runner=settings.GENERATION_EMBEDDED_RUNNER)
