"""The ASGI application: two handlers by path, and the start and stop of what the process runs beside them."""

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

from api.body_limit import BodyLimit
from api.fallbacks import API_PATHS
from generation import runner
from llmconfigs.active import close_backends

from .handlers import ApiHandler


class Application:
    """API paths go to the handler without the browser's middleware, all others to Django's own."""

    def __init__(self, *, embedded_runner: bool) -> None:
        self._api = BodyLimit(ApiHandler())
        self._pages = ASGIHandler()
        self._embedded_runner = embedded_runner

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            handler = self._api if scope["path"].startswith(API_PATHS) else self._pages
            await handler(scope, receive, send)
        else:
            raise ValueError(f"This application serves HTTP, not {scope['type']}.")

    async def _live(self, receive: Any, send: Any) -> None:
        await receive()
        try:
            if self._embedded_runner:
                await asyncio.to_thread(runner.start_embedded)
        except Exception as error:
            await send({"type": "lifespan.startup.failed", "message": f"The runner did not start: {error}"})
            raise
        await send({"type": "lifespan.startup.complete"})
        await receive()
        if self._embedded_runner:
            await asyncio.to_thread(runner.stop_embedded)
        await close_backends()
        await send({"type": "lifespan.shutdown.complete"})


application = Application(embedded_runner=settings.GENERATION_EMBEDDED_RUNNER)
