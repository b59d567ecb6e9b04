"""POST /api/v1/generations, served beside the front door: by far the most frequent request of our own API.

Without Django's handler and ninja, which cost more than all the rest of it (docs/decisions/0002). What it
promises is described with the other operations, in generations.py.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

import structlog
from django.urls import reverse
from pydantic import ValidationError

from apikeys import limits
from apikeys.models import ApiKey
from background.draining import unless_draining
from epochs.current import Epochs, current
from generation.accepting import submission
from generation.following import watching
from generation.models import GenerationJob

from . import headers, json_bodies
from .answers import generation
from .authentication import to_submit
from .errors import ApiError, error_body, error_headers, to_api_error
from .frontdoor import address
from .frontdoor.admission import begin_log, encoded
from .frontdoor.exchange import ClientGone, Exchange, Receive, Send
from .frontdoor.supervision import OpenRequests, Supervised
from .requests import Submission
from .responses import json_bytes
from .validation import first_problem

log = structlog.get_logger(__name__)

METHOD = "POST"
PATH = reverse("api:generations")


class SubmissionDoor:
    """An ASGI application for this method and path alone."""

    def __init__(self) -> None:
        # `unless_draining` ends those who wait when the process stops.
        self._waiting = OpenRequests()

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        exchange = Exchange(scope, receive, send)
        begin_log(exchange)
        try:
            if not await address.sent_to_https(exchange):
                await self._answer(exchange)
        except ClientGone:
            pass
        except Exception as error:
            await _refuse(exchange, error)

    async def _answer(self, exchange: Exchange) -> None:
        address.ensure_allowed_host(exchange)
        epochs = await current()
        key = await to_submit.key_in(exchange.headers, epochs)
        payload = _read(exchange, await exchange.body())
        async with await limits.admit(key) as admission:
            exchange.extra_headers += encoded(admission.headers)
            await self._submit(exchange, key, payload, epochs)

    async def _submit(self, exchange: Exchange, key: ApiKey, payload: Submission, epochs: Epochs) -> None:
        wait_s = headers.wait_s(exchange.all_of("prefer"))
        submitted = await submission.submit_durably(
            key=key,
            request=payload.as_request(),
            idempotency_key=headers.idempotency_key(exchange.headers),
            epochs=epochs,
        )
        if not submitted.created:
            exchange.extra_headers.append((b"idempotent-replayed", b"true"))
        if wait_s is None:
            await _accept(exchange, submitted.job, status=202)
            return
        exchange.extra_headers.append((b"preference-applied", b"wait=%d" % wait_s))
        job = await self._waited_for(exchange, submitted.job, wait_s)
        await _accept(exchange, job, status=200 if job.is_finished else 202)

    async def _waited_for(self, exchange: Exchange, job: GenerationJob, wait_s: int) -> GenerationJob:
        """The job as it was submitted, if waiting fails: an error would say that it was not accepted."""
        if job.is_finished or wait_s == 0:
            return job
        try:
            async with Supervised(exchange, self._waiting):
                waiting = watching.wait_until_finished(job.pk, timeout_s=wait_s)
                return await unless_draining(waiting, otherwise=job)
        except ClientGone:
            raise
        except Exception:
            log.exception("job_not_awaited", job_id=str(job.pk))
            return job


def _read(exchange: Exchange, body: bytes) -> Submission:
    """Raises ApiError."""
    if not body:
        problem = first_problem([{"type": "missing", "loc": _OF_BODY, "msg": ""}])
        raise ApiError("invalid_request", problem.message)
    json_bodies.require_json(exchange.headers.get("content-type", ""))
    try:
        return Submission.model_validate(json_bodies.parse(body))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        problem = first_problem([{**first, "loc": (*_OF_BODY, *first["loc"])}])
        raise ApiError("invalid_request", problem.message, param=problem.param) from None


_OF_BODY = ("body", "payload")
"""Where ninja's errors say that they belong."""


async def _accept(exchange: Exchange, job: GenerationJob, *, status: int) -> None:
    answer = generation(job)
    location = (b"location", answer.status_url.encode())
    await exchange.answer(status, answer.model_dump_json().encode(), headers=(location,))


async def _refuse(exchange: Exchange, error: Exception) -> None:
    refusal = to_api_error(error)
    public = refusal.public
    log.info(
        "request_refused", path=exchange.path, status=public.status, code=public.code, param=public.param
    )
    if exchange.has_started:
        raise error
    told = encoded({**error_headers(public), **refusal.headers})
    await exchange.answer(public.status, json_bytes({"error": error_body(public)}), headers=told)
