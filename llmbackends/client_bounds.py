"""Which sampling parameters a client may set: those that the administrator has opened, within bounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .types import SAMPLING_NAMES, Sampling

_BOUNDED = frozenset(SAMPLING_NAMES) - {"stop"}
_BOUNDS_SCHEMA = {
    "type": "object",
    "properties": {"minimum": {"type": "number"}, "maximum": {"type": "number"}},
    "additionalProperties": False,
}
SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        name: _BOUNDS_SCHEMA if name in _BOUNDED else {"type": "object", "maxProperties": 0}
        for name in SAMPLING_NAMES
    },
    "additionalProperties": False,
}
_NOTHING = Sampling()


def default_bounds() -> dict[str, Any]:
    """What can only make an answer shorter."""
    return {"max_tokens": {}, "stop": {}}


def capped(wanted: Sampling, *, own: Sampling, known: frozenset[str]) -> Sampling:
    """Of what staff want for one kind of request, that which the provider takes; with no more tokens than the
    configuration's own max_tokens. The rest of `own` is a default and no bound."""
    kept = {name: value for name, value in wanted.given().items() if name in known}
    if own.max_tokens is not None and "max_tokens" in kept:
        kept["max_tokens"] = min(kept["max_tokens"], own.max_tokens)
    return Sampling(**kept)


@dataclass(frozen=True, slots=True)
class ClientBounds:
    """`parameters`: valid by SCHEMA, such as {"temperature": {"minimum": 0, "maximum": 1}, "stop": {}}.

    Where max_tokens has no maximum, the configuration's own max_tokens is one.
    """

    parameters: Mapping[str, Mapping[str, float]] = field(default_factory=default_bounds)

    def within(self, wanted: Sampling, *, own: Sampling, known: frozenset[str]) -> Sampling:
        """What is left of `wanted`; the rest is ignored, as if the client had not said it.

        own: the configuration's sampling. known: the names of what its provider takes.
        """
        if wanted is _NOTHING or wanted == _NOTHING:
            return wanted
        given = wanted.given().items()
        return Sampling(
            **{name: value for name, value in given if name in known and self._allows(name, value, own)}
        )

    def _allows(self, name: str, value: Any, own: Sampling) -> bool:
        bounds = self.parameters.get(name)
        if bounds is None or name not in _BOUNDED:
            return bounds is not None
        minimum = bounds.get("minimum")
        maximum = bounds.get("maximum", own.max_tokens if name == "max_tokens" else None)
        return (minimum is None or value >= minimum) and (maximum is None or value <= maximum)
