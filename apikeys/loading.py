"""Reading keys from the database for callers on event loops."""

from __future__ import annotations

from epochs.outside_pool import OwnConnection
from epochs.reading import CoalescedReader

from . import rights
from .models import ApiKey

PATIENCE_S = 10.0


class KeyLoader:
    """All who wait at the same moment are answered by one query, so a change that makes every process forget
    its keys costs a few queries, and so does someone who tries out secrets."""

    def __init__(self) -> None:
        self._wanted: dict[object, str] = {}
        self._connection = OwnConnection()
        self._reader = CoalescedReader(self._read, name="api-keys", patience_s=lambda: PATIENCE_S)

    async def load(self, its_digest: str) -> ApiKey | None:
        """The key as it is after the call. Raises django.db.Error, TimeoutError."""
        token = object()
        # Wanted until it is there: the read that answers may begin after another one has looked.
        self._wanted[token] = its_digest
        try:
            return (await self._reader.get()).get(its_digest)
        finally:
            del self._wanted[token]

    def _read(self) -> dict[str, ApiKey]:
        wanted = set(self._wanted.values())
        with self._connection.in_use():
            keys = list(ApiKey.objects.filter(digest__in=wanted).select_related("owner"))
            rights.bind(keys)
        return {key.digest: key for key in keys}
