"""What has an epoch: a number that changes with whatever it watches."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Subject(StrEnum):
    CONFIGS = "configs"
    KEYS = "keys"


@dataclass(frozen=True, slots=True)
class Watch:
    """A table whose changes move the epoch, all columns but `ignored` ones.

    A table by its name: the packages that own these tables stand above this one.
    """

    subject: Subject
    table: str
    ignored: frozenset[str] = frozenset()


WATCHES: Final = (
    Watch(Subject.CONFIGS, "llmconfigs_llmconfig"),
    # Written once a minute for every key in use: if it moved the epoch, no key would stay cached.
    Watch(Subject.KEYS, "apikeys_apikey", ignored=frozenset({"last_used_at"})),
)
