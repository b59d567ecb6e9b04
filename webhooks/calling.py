"""One message on its way to its receiver: signed, sent within its time, the answer hardly read."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Final

import structlog
from django.conf import settings

from llmbackends.errors import AddressNotAllowed, BackendError, BackendTimeout
from llmbackends.http import HTTPAnswer, HTTPCall, HTTPClient
from llmbackends.retry import parse_retry_after
from llmbackends.texts import Sentence, gettext_noop
from llmbackends.zones import DEFAULT_PORTS, target_of
from llmconfigs import wording
from llmconfigs.errors import LLMConfigsError

from . import policy, signing
from .claims import Claim
from .endings import Result
from .models import AttemptOutcome

log = structlog.get_logger(__name__)

BEGINS_WITHIN_S: Final = 2.0
"""After the endpoint was seen to be on. A call that would begin later is not made before another look."""

_CONNECT_S = 5.0
_ASKS_FOR_PATIENCE = (429, 503)
_NOT_SIGNED = gettext_noop("It could not be signed: %(error)s")
_BROKEN = gettext_noop("An error in the program: %(error)s")
_HELD_UP = Sentence(gettext_noop("The sender was held up before it could send."))
_JOB_GONE = Sentence(gettext_noop("The job that it tells of is gone."))
_NO_URL = Sentence(gettext_noop("This is no plain http:// or https:// URL."))
_REDIRECT = gettext_noop("It answered with a redirect (HTTP %(status)s), which is not followed.")
_STATUS = gettext_noop("It answered with HTTP %(status)s.")
_JSON: Final = {"content-type": "application/json; charset=utf-8"}


class Caller:
    """Lives on one event loop. `most`: calls at the same time."""

    def __init__(self, *, most: int) -> None:
        timeout_s = float(settings.WEBHOOK_TIMEOUT_S)
        self._clients = {
            scheme: HTTPClient(
                connect_timeout_s=min(_CONNECT_S, timeout_s),
                idle_timeout_s=timeout_s,
                max_connections=most,
                addresses=policy.addresses(scheme),
            )
            for scheme in DEFAULT_PORTS
        }
        self._timeout_s = timeout_s

    async def send(self, claim: Claim) -> Result:
        """Never raises but when it is cancelled: whatever goes wrong is a failure with a reason."""
        attempt = _Clock()
        try:
            answer = await self._call(claim, attempt)
        except AddressNotAllowed as error:
            return attempt.ended(AttemptOutcome.REFUSED_ADDRESS, reason=error.message)
        except BackendTimeout as error:
            return attempt.ended(AttemptOutcome.TIMEOUT, reason=error.message)
        except BackendError as error:
            return attempt.ended(AttemptOutcome.CONNECTION_FAILED, reason=error.message)
        except (LLMConfigsError, signing.SecretUnusable) as error:
            log.error("webhook_not_signed", endpoint=str(claim.endpoint_id), error=str(error))
            return attempt.ended(AttemptOutcome.NOT_SENT, reason=Sentence(_NOT_SIGNED, error=_told(error)))
        except Exception as error:
            log.exception("webhook_not_sent", message=claim.message_id)
            return attempt.ended(
                AttemptOutcome.NOT_SENT, reason=Sentence(_BROKEN, error=f"{type(error).__name__}: {error}")
            )
        return answer

    async def aclose(self) -> None:
        for client in self._clients.values():
            await client.aclose()

    async def _call(self, claim: Claim, attempt: _Clock) -> Result:
        loop = asyncio.get_running_loop()
        if loop.time() - claim.seen_on_at > BEGINS_WITHIN_S:
            return attempt.ended(AttemptOutcome.STOPPED, reason=_HELD_UP)
        if not claim.body:
            return attempt.ended(AttemptOutcome.NOT_SENT, reason=_JOB_GONE)
        try:
            scheme = target_of(claim.url).scheme
        except ValueError:
            return attempt.ended(AttemptOutcome.REFUSED_ADDRESS, reason=_NO_URL)
        deadline = loop.time() + self._timeout_s
        async with self._clients[scheme].send(_signed(claim, attempt), deadline=deadline) as answer:
            result = _judged(answer, attempt)
            await answer.finish()
        return result


class _Clock:
    def __init__(self) -> None:
        self.started_at = datetime.now(UTC)
        self._began = time.monotonic()

    def ended(
        self,
        outcome: AttemptOutcome,
        *,
        reason: str = "",
        status_code: int | None = None,
        retry_after_s: float | None = None,
    ) -> Result:
        duration_s = time.monotonic() - self._began
        return Result(outcome, self.started_at, duration_s, status_code, reason, retry_after_s)


def _signed(claim: Claim, attempt: _Clock) -> HTTPCall:
    body = claim.body.encode()
    headers = signing.headers_of(
        claim.message_id,
        sent_at=int(attempt.started_at.timestamp()),
        body=body,
        secrets=[secret.reveal() for secret in claim.secrets],
    )
    return HTTPCall("POST", claim.url, {**_JSON, **headers}, body)


def _judged(answer: HTTPAnswer, attempt: _Clock) -> Result:
    if 200 <= answer.status < 300:
        return attempt.ended(AttemptOutcome.DELIVERED, status_code=answer.status)
    return attempt.ended(
        AttemptOutcome.HTTP_STATUS,
        status_code=answer.status,
        reason=_reason(answer.status),
        retry_after_s=parse_retry_after(answer.headers.get("Retry-After"))
        if answer.status in _ASKS_FOR_PATIENCE
        else None,
    )


def _reason(status: int) -> Sentence:
    return Sentence(_REDIRECT if 300 <= status < 400 else _STATUS, status=status)


def _told(error: LLMConfigsError | signing.SecretUnusable) -> Sentence:
    return wording.explained(error) if isinstance(error, LLMConfigsError) else error.sentence
