"""What comes between the reading of an answer and the caller: our errors only, and no key in them."""

from __future__ import annotations

import logging
from types import TracebackType

from .errors import BackendError, BadAnswer
from .secret import MASK, Secret
from .texts import Sentence, gettext_noop

logger = logging.getLogger(__name__)

_SHORTEST_PART = 8
"""Characters of a key that are worth masking."""


class Guard:
    """A context manager that may surround any number of things at once.

    Lets only BackendErrors out, and no key in them, even if the service repeats it to us. (Slots and no
    generator: it surrounds each piece of each stream.)
    """

    __slots__ = ("_key", "_label")

    def __init__(self, label: str, key: Secret) -> None:
        self._label = label
        self._key = key

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            return
        if isinstance(error, BackendError):
            _mask(error, self._key)
        elif isinstance(error, LookupError | TypeError | ValueError | AttributeError | RecursionError):
            logger.error("The answer of %s could not be read.", self._label, exc_info=error)
            text = gettext_noop("The answer of %(label)s could not be read.")
            raise BadAnswer(Sentence(text, label=self._label)) from error


def _mask(error: BackendError, key: Secret) -> None:
    if not key:
        return
    error.message = _without_key(error.message, key)
    error.args = (error.message,)
    for name, value in error.details.items():
        if isinstance(value, str):
            error.details[name] = _without_key(value, key)


def _without_key(text: str, key: Secret) -> str:
    """Without the beginning of the key, too: what repeats it may have been cut within it."""
    value = key.reveal()
    for length in range(len(value), min(len(value), _SHORTEST_PART) - 1, -1):
        if value[:length] in text:  # else a Sentence stays one
            text = text.replace(value[:length], MASK)
    return text
