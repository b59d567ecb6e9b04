"""What needs somebody: models that jobs are kept from, activations that wait for a second person, and
webhooks that were switched off since they did not work."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from audit.context import user_actor
from generation.models import Breaker
from generation.queue.breakers import open_breakers
from llmconfigs import wording
from llmconfigs.models import ActivationRequest
from llmconfigs.selectors import pending_requests
from webhooks.models import WebhookEndpoint

MOST_SHOWN = 5
_LONGEST_REASON = 300


@dataclass(frozen=True, slots=True)
class OpenBreaker:
    """name: "" for the environment. next_try_at: None while a job tries it."""

    name: str
    reason: str
    opened_at: datetime | None
    next_try_at: datetime | None


def open_breakers_for(user: Any, now: datetime) -> list[OpenBreaker]:
    """For who sees the jobs that wait."""
    if not user.has_perm("generation.view_generationjob"):
        return []
    return [_shown(breaker, now) for breaker in open_breakers().order_by("-opened_at")[:MOST_SHOWN]]


def requests_for(user: Any) -> list[ActivationRequest]:
    """For who may approve them: not those of their own."""
    if not user.has_perms(["llmconfigs.view_llmconfig", "llmconfigs.approve_llmconfig"]):
        return []
    by = user_actor(user)
    return [request for request in pending_requests() if not request.was_made_by(by)][:MOST_SHOWN]


def stopped_webhooks_for(user: Any) -> list[WebhookEndpoint]:
    """For who sees the endpoints: until somebody switches them on, or puts the notice away."""
    if not user.has_perm("webhooks.view_webhookendpoint"):
        return []
    stopped = WebhookEndpoint.objects.noticeable().select_related("key")
    return list(stopped.order_by("-disabled_at")[:MOST_SHOWN])


def _shown(breaker: Breaker, now: datetime) -> OpenBreaker:
    is_tried = breaker.probe_until is not None and breaker.probe_until > now
    return OpenBreaker(
        name=breaker.name,
        reason=wording.say(breaker.reason)[:_LONGEST_REASON],
        opened_at=breaker.opened_at,
        next_try_at=None if is_tried else breaker.probe_at,
    )
