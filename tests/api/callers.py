"""Those who call the API in the tests."""

from __future__ import annotations

import asyncio
from typing import Any
from unittest.mock import patch

import httpx
from asgiref.sync import async_to_sync, sync_to_async
from django.core.signals import request_finished, request_started
from django.db import close_old_connections

from apikeys import authentication, issuing
from apikeys.loading import KeyLoader
from apikeys.models import ApiKey
from config.asgi import Application
from generation.accepting import intake
from generation.models import GenerationJob


class InProcessCaller:
    """Calls the application without a server, in the test's own thread and transaction: for many quick tests.

    It cannot stream, and what other threads do it cannot see. Without a scope it has no key.
    """

    def __init__(self, *scopes: str) -> None:
        self._headers: dict[str, str] = {}
        if scopes:
            issued = issuing.issue(name="-".join(scopes), scopes=scopes)
            self._headers = {"x-api-key": issued.secret.reveal()}
        self._transport = httpx.ASGITransport(app=Application(embedded_runner=False))

    def get(self, path: str) -> httpx.Response:
        return self.request("GET", path, {})

    def post(self, path: str, *, content: bytes | str, headers: dict[str, str | bytes]) -> httpx.Response:
        return self.request("POST", path, headers, content)

    def request(self, *request: Any) -> httpx.Response:
        """The method, the path, headers and a body, if there is one."""
        # As Django's own test client does: closing the connection would end the test's transaction.
        signals = (request_started, request_finished)
        for signal in signals:
            signal.disconnect(close_old_connections)
        try:
            with (
                patch.object(authentication, "_loader", _LoaderInTransaction()),
                patch.object(intake, "_of_process", _IntakeInTransaction()),
            ):
                return async_to_sync(self._request)(*request)
        finally:
            for signal in signals:
                signal.connect(close_old_connections)

    async def _request(
        self, method: str, path: str, headers: dict[str, str | bytes], content: bytes | str = b""
    ) -> httpx.Response:
        async with httpx.AsyncClient(
            transport=self._transport, base_url="http://localhost", headers=self._headers
        ) as client:
            return await client.request(method, path, headers=headers, content=content or None)


class _LoaderInTransaction(KeyLoader):
    """Reads keys in the test's own thread, where its transaction is."""

    async def load(self, its_digest: str) -> ApiKey | None:
        return await sync_to_async(ApiKey.objects.filter(digest=its_digest).first)()


class _IntakeInTransaction:
    """Stores jobs in the test's own thread, where its transaction is."""

    async def insert(self, job: GenerationJob) -> GenerationJob:
        loop = asyncio.get_running_loop()
        pending = intake.Pending(job, loop, loop.create_future())
        await sync_to_async(intake.insert)([pending])
        assert pending.stored is not None
        return pending.stored


class Caller(httpx.Client):
    """A client with a key of its own."""

    def __init__(self, base_url: str, *scopes: str) -> None:
        issued = issuing.issue(name="-".join(scopes), scopes=scopes)
        self.key: ApiKey = issued.key
        self.secret = issued.secret.reveal()
        super().__init__(base_url=base_url, headers={"Authorization": f"Bearer {self.secret}"}, timeout=30)

    def submit(self, prompt: str = "Hello", **fields: object) -> str:
        """The path of a new generation."""
        response = self.post("/api/v1/generations", json={"prompt": prompt, **fields})
        assert response.status_code == 202, response.text
        return str(response.json()["status_url"])
