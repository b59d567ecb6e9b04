"""The choice between the active row and the environment, with a memory for when the database is down."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal

import structlog

from epochs.outages import DATABASE_DOWN
from llmbackends.errors import ConfigurationError
from llmbackends.spec import BackendSpec
from llmbackends.texts import Problem, gettext_noop

from .building import ensure_buildable
from .environment import environment_spec
from .models import LLMConfig
from .specs import spec_from_config

log = structlog.get_logger(__name__)

OUTAGE_REMINDER_S = 60.0
_ROW_UNUSABLE = gettext_noop("The active configuration “%(name)s” cannot be used.")
_ENVIRONMENT_UNUSABLE = gettext_noop(
    "No configuration is active, and what the LLM_ variables of the environment say cannot be used."
)


@dataclass(frozen=True)
class ActiveSpec:
    """`config_id` is None, `config_name` "" and `version` 0 if and only if `source` is "environment"."""

    spec: BackendSpec
    config_id: int | None
    config_name: str
    version: int
    source: Literal["config", "environment"]


class Selection:
    """One for each process. Threads may share it: each memory is one assignment, the latest read wins.

    All that select raise ConfigurationError if what is selected cannot be used.
    """

    def __init__(self) -> None:
        self._last_row: LLMConfig | None = None
        self._kept: tuple[int, ActiveSpec] | None = None
        self._announced: ActiveSpec | None = None
        self._outage_logged_at: float | None = None

    def current(self) -> ActiveSpec:
        """What is selected now or, while the database is down, what is last known."""
        try:
            return self.read()
        except DATABASE_DOWN as error:
            self.report_outage(error)
            return self.last_known()

    def read(self) -> ActiveSpec:
        """What is selected now. Raises DATABASE_DOWN."""
        row = LLMConfig.objects.active().first()
        self._last_row = row
        self._report_recovery()
        return self._select(row)  # not last_known(): another thread may just have stored an older read

    def kept_under(self, number: int) -> ActiveSpec | None:
        """What was selected at this epoch of the configurations, if nothing was kept under another since."""
        kept = self._kept
        return kept[1] if kept is not None and kept[0] == number else None

    def keep_under(self, number: int, selected: ActiveSpec) -> None:
        self._kept = number, selected

    def forget_kept(self) -> None:
        self._kept = None

    def last_known(self) -> ActiveSpec:
        """By the last row that was read; the environment if there was none, or none was ever read."""
        return self._select(self._last_row)

    def _select(self, row: LLMConfig | None) -> ActiveSpec:
        selected = _from_row(row) if row else _from_environment()
        if selected != self._announced:
            _require_usable(selected)
            self._announced = selected
            _announce(selected)
        return selected

    def report_outage(self, error: Exception) -> None:
        now = time.monotonic()
        if self._outage_logged_at is None or now - self._outage_logged_at >= OUTAGE_REMINDER_S:
            self._outage_logged_at = now
            kept = self._last_row.name if self._last_row else "the environment"
            log.error("database_unreachable", error=str(error), keeping=kept)

    def _report_recovery(self) -> None:
        if self._outage_logged_at is not None:
            self._outage_logged_at = None
            log.info("database_reachable_again")


def _from_row(row: LLMConfig) -> ActiveSpec:
    return ActiveSpec(spec_from_config(row), row.pk, row.name, row.version, "config")


def _from_environment() -> ActiveSpec:
    return ActiveSpec(environment_spec(), None, "", 0, "environment")


def _require_usable(selected: ActiveSpec) -> None:
    try:
        ensure_buildable(selected.spec)
    except ConfigurationError as error:
        template = _ENVIRONMENT_UNUSABLE if selected.config_id is None else _ROW_UNUSABLE
        problem = Problem(template, {"name": selected.config_name})
        problems = (problem, *error.details.get("problems", ()))
        raise type(error)(f"{problem} {error.message}", details={"problems": problems}) from error


def _announce(selected: ActiveSpec) -> None:
    log.info(
        "llm_selected",
        source=selected.source,
        provider=selected.spec.provider,
        model=selected.spec.model,
        config=selected.config_name or None,
        version=selected.version or None,
    )
