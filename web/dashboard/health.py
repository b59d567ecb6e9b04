"""Whether what is active can answer, asked of the service itself and shared for a moment."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from llmbackends.base import CheckReport
from llmbackends.errors import BackendError
from llmbackends.spec import BackendSpec
from llmconfigs import wording
from llmconfigs.active import active_spec
from llmconfigs.probing import check
from llmconfigs.selection import ActiveSpec

SHARED_S = 10.0


@dataclass(frozen=True, slots=True)
class Health:
    """`error`: why it is not well. `took_s` only if it is.

    `of`: what was asked, as in panels.ActivePanel.
    """

    of: str
    checked_at: datetime
    said: str = ""
    took_s: float | None = None
    error: BackendError | None = None

    @property
    def is_well(self) -> bool:
        return self.error is None

    @property
    def detail(self) -> str:
        """For staff, in the language of whoever reads it: another person's question may have been shared."""
        return wording.say(self.said) if self.error is None else wording.explain(self.error)


class HealthNow:
    """However many look, the service is asked once in SHARED_S, and again at once when another is active."""

    def __init__(
        self,
        ask: Callable[[BackendSpec], CheckReport] = check,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask = ask
        self._clock = clock
        self._lock = threading.Lock()
        self._known: tuple[tuple[int | None, BackendSpec], float, Health] | None = None

    def forget(self) -> None:
        self._known = None

    def get(self) -> Health:
        """Takes as long as a check may, see llmconfigs.probing."""
        try:
            active = active_spec()
        except BackendError as error:
            return Health("", timezone.now(), error=error)
        with self._lock:
            key = (active.config_id, active.spec)
            if self._known is None or self._known[0] != key or self._clock() - self._known[1] >= SHARED_S:
                health = self._checked(active)
                self._known = key, self._clock(), health
            return self._known[2]

    def _checked(self, active: ActiveSpec) -> Health:
        try:
            report = self._ask(active.spec)
        except BackendError as error:
            return Health(identity(active), timezone.now(), error=error)
        return Health(identity(active), timezone.now(), report.detail, report.took_s)


def identity(active: ActiveSpec) -> str:
    """A word for one version of what is active, fit for an HTML id."""
    return f"{active.config_id or active.source}-{active.version}"


health_now = HealthNow()
