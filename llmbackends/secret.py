"""A string that does not show itself."""

from __future__ import annotations

import hmac
from typing import NoReturn

MASK = "********"


class Secret:
    """An API key that is masked wherever Python would print, log, pickle, copy into JSON or format it.

    The only way to the value is `reveal()`, so every use is one that a reader can search for. Tracebacks
    that show local variables show the mask.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    @property
    def hint(self) -> str:
        """The last four characters of a long key, for a person to recognise it; "" for a short one."""
        return self._value[-4:] if len(self._value) >= 12 else ""

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __repr__(self) -> str:
        return f"Secret({MASK!r})" if self._value else "Secret('')"

    def __str__(self) -> str:
        return MASK if self._value else ""

    def __format__(self, format_spec: str) -> str:
        return format(str(self), format_spec)

    def __reduce__(self) -> NoReturn:
        raise TypeError("A Secret is not pickled: pass the row's id, or reveal() it where it is used.")
