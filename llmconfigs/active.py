"""Which model answers: the active configuration, else the environment; the same in web and workers."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field

from django.core.signals import setting_changed

from epochs.current import Epochs, current
from epochs.errors import EpochsUnknown
from epochs.outages import DATABASE_DOWN
from epochs.outside_pool import OwnConnection
from epochs.reading import CoalescedReader
from llmbackends.base import ChatBackend
from llmbackends.errors import BackendUnavailable, ConfigurationError
from llmbackends.texts import Sentence, gettext_noop

from .building import build
from .health import HealthRecord
from .pool import BackendPool
from .selection import ActiveSpec, Selection

LOAD_PATIENCE_S = 5.0


@dataclass(frozen=True)
class ActiveBackend:
    """A lease: valid inside the block of `active_backend()`."""

    active: ActiveSpec
    backend: ChatBackend
    health: HealthRecord = field(default_factory=HealthRecord, repr=False)


def active_spec() -> ActiveSpec:
    """The active row as it is now, else the environment. Raises ConfigurationError if that cannot be used.

    While the database is down, what the last read found stays in use, and an error is logged; the
    environment only if nothing was ever read.
    """
    return _selection.current()


class active_backend:
    """The backend of `active_spec()`, built once for each event loop and version, for the time of the block.

    Entering raises ConfigurationError. A request that is under way when another configuration is activated
    ends on the backend it began with. epochs: what `epochs.current()` gave for this request; None: asks now.
    """

    __slots__ = ("_epochs", "_lease")

    def __init__(self, epochs: Epochs | None = None) -> None:
        self._epochs = epochs

    async def __aenter__(self) -> ActiveBackend:
        active = await _selected(self._epochs)
        self._lease = _pool.of_running_loop().lease((active.config_id, active.version), active.spec)
        pooled = await self._lease.__aenter__()
        return ActiveBackend(active, pooled.backend, pooled.health)

    async def __aexit__(self, *error: object) -> None:
        await self._lease.__aexit__(*error)


async def selected() -> ActiveSpec:
    """What `active_backend()` would use now. Raises as entering it."""
    return await _selected(None)


async def follow(epochs: Epochs) -> None:
    """Makes this process ready to answer with what is active at `epochs`, as a request would."""
    with suppress(ConfigurationError):  # which every request is told, and the check of readiness
        await _selected(epochs)


async def close_backends() -> None:
    """Frees the backends of the running loop; call it once when nothing uses them any more."""
    await _pool.of_running_loop().aclose()


async def _selected(epochs: Epochs | None) -> ActiveSpec:
    """From memory while the epoch of the configurations is the same, and as long as the database is down.

    Raises BackendUnavailable where it is known that something has changed, and not what: what is kept must
    not answer then, and a later try may succeed.
    """
    try:
        epochs = epochs or await current()
    except EpochsUnknown:
        return _selection.last_known()
    try:
        return _selection.kept_under(epochs.configs) or await _load(epochs.configs)
    except (TimeoutError, *DATABASE_DOWN) as error:
        if epochs.is_stale:
            return _selection.last_known()
        raise BackendUnavailable(
            Sentence(gettext_noop("The active configuration has changed and could not be read."))
        ) from error


async def _load(number: int) -> ActiveSpec:
    """The epoch was read before, so the row is at least as new as the number it is kept under."""
    active = await _reader.get()
    _selection.keep_under(number, active)
    return active


def _read_in_own_thread() -> ActiveSpec:
    try:
        with _connection.in_use():
            return _selection.read()
    except DATABASE_DOWN as error:
        _selection.report_outage(error)
        raise


def _forget_selected(**_: object) -> None:
    """Tests change settings, on which the environment's spec and what is allowed depend."""
    _selection.forget_kept()


_selection = Selection()
_connection = OwnConnection()
_reader = CoalescedReader(_read_in_own_thread, name="llm-config", patience_s=lambda: LOAD_PATIENCE_S)
_pool = BackendPool(build)
setting_changed.connect(_forget_selected)
