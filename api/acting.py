"""Who acts, for the audit trail."""

from __future__ import annotations

from contextlib import AbstractContextManager

from django.http import HttpRequest

from apikeys.models import ApiKey
from audit.addresses import client_address
from audit.context import Origin, acting, key_actor


def acting_key(request: HttpRequest, key: ApiKey) -> AbstractContextManager[None]:
    """All events of the block come from this client."""
    request_id: str = request.request_id  # type: ignore[attr-defined]
    return acting(Origin(key_actor(str(key)), client_address(request) or "", request_id))
