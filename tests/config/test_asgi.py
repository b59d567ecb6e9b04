"""The life of the application, from its start to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from apikeys import issuing
from background.draining import draining
from config.asgi import Application
from generation.models import GenerationJob, JobStatus
from generation.running import runner
from tests.asyncio_support import run_async
from tests.generation.jobs import queue_job

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _not_draining() -> Iterator[None]:
    yield
    draining.clear()


def test_server_begins_no_more_jobs_once_it_drains_though_answers_are_under_way() -> None:
    key = issuing.issue(name="Client", scopes=["generate"]).key

    async def live() -> None:
        told, events = asyncio.Queue[Any](), asyncio.Queue[Any]()
        living = asyncio.create_task(
            Application(embedded_runner=True)({"type": "lifespan"}, told.get, events.put)
        )
        told.put_nowait({"type": "lifespan.startup"})
        assert (await events.get())["type"] == "lifespan.startup.complete"
        draining.set()
        async with asyncio.timeout(10):
            while runner._here is not None:
                await asyncio.sleep(0.01)
        told.put_nowait({"type": "lifespan.shutdown"})
        assert (await events.get())["type"] == "lifespan.shutdown.complete"
        await living

    run_async(live(), timeout_s=30)
    queue_job(key)

    assert GenerationJob.objects.get().status == JobStatus.QUEUED
