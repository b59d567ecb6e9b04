"""What staff sees of the configurations besides their rows."""

from __future__ import annotations

from collections.abc import Collection

from django.utils import timezone

from .models import Activation, ActivationRequest, HealthNote


def health_of(config_ids: Collection[int]) -> dict[int, HealthNote]:
    """The last known, by the configuration's id; HealthNote.ENVIRONMENT is the environment's."""
    return HealthNote.objects.in_bulk(list(config_ids))


def last_activations(most: int) -> list[Activation]:
    return list(Activation.objects.all()[:most])


def pending_requests() -> list[ActivationRequest]:
    """Those that can still be approved, the latest first."""
    return list(ActivationRequest.objects.pending(timezone.now()))


def pending_request_for(config_id: int) -> ActivationRequest | None:
    request: ActivationRequest | None = (
        ActivationRequest.objects.pending(timezone.now()).filter(config_id=config_id).first()
    )
    return request
