"""The keys that a process remembers."""

from __future__ import annotations

from collections import OrderedDict

from .models import ApiKey

MOST_KEYS = 10_000


class KeysOfEpoch:
    """Keys by their digest, as they were at one epoch or later; those used longest ago are forgotten first.

    For several threads: each step on the dictionary is one that nothing interrupts.
    """

    __slots__ = ("_keys", "_most", "number")

    def __init__(self, number: int, *, most: int) -> None:
        self.number = number
        self._most = most
        self._keys: OrderedDict[str, ApiKey] = OrderedDict()

    def get(self, its_digest: str) -> ApiKey | None:
        key = self._keys.get(its_digest)
        if key is not None:
            try:
                self._keys.move_to_end(its_digest)
            except KeyError:  # another thread has just made room
                return key
        return key

    def add(self, key: ApiKey) -> None:
        """A key that was read after its epoch was."""
        self._keys[key.digest] = key
        while len(self._keys) > self._most:
            try:
                self._keys.popitem(last=False)
            except KeyError:
                return

    def __len__(self) -> int:
        return len(self._keys)


class KnownKeys:
    """Those of the epoch that was asked for last.

    Another number starts anew, whether higher or, of a database that was restored, lower: what was read for
    one epoch is never found under another.
    """

    def __init__(self, *, most: int = MOST_KEYS) -> None:
        self._most = most
        self._current = KeysOfEpoch(0, most=most)

    def under(self, number: int) -> KeysOfEpoch:
        keys = self._current
        if keys.number != number:
            keys = self._current = KeysOfEpoch(number, most=self._most)
        return keys
