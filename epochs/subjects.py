"""What has an epoch: a number that changes with whatever it watches."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Subject(StrEnum):
    CONFIGS = "configs"
    KEYS = "keys"
    GENERATORS = "generators"


@dataclass(frozen=True, slots=True)
class Watch:
    """A table whose changes move the epoch: those of all columns but `ignored` ones or, where `only` names
    some, of these alone.

    A table by its name: the packages that own these tables stand above this one. `name` tells the triggers of
    one subject apart.
    """

    subject: Subject
    table: str
    ignored: frozenset[str] = frozenset()
    only: tuple[str, ...] = ()
    name: str = ""


WATCHES: Final = (
    Watch(Subject.CONFIGS, "llmconfigs_llmconfig"),
    # Written once a minute for every key in use: if it moved the epoch, no key would stay cached.
    Watch(Subject.KEYS, "apikeys_apikey", ignored=frozenset({"last_used_at"})),
    # What the owner of a key may do bounds what the key may. A login writes other columns.
    Watch(Subject.KEYS, "auth_user", only=("is_active", "is_superuser"), name="users"),
    Watch(Subject.KEYS, "auth_user_groups", name="memberships"),
    Watch(Subject.KEYS, "auth_user_user_permissions", name="permissions"),
    Watch(Subject.KEYS, "auth_group_permissions", name="group_permissions"),
    # For the order of locks alone: who changes a group goes on to change its permissions.
    Watch(Subject.KEYS, "auth_group", name="groups"),
    Watch(Subject.GENERATORS, "generators_generator"),
)
