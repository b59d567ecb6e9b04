"""Who acts, from where and in which request: known at the door, needed where an event is recorded."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Actor:
    """`user_id` is None for what no user of ours did: `name` then says what it was, such as a command."""

    user_id: int | None
    name: str


@dataclass(frozen=True, slots=True)
class Origin:
    """`address`: of the client, as far as it can be known; "" for what came from no network."""

    actor: Actor
    address: str = ""
    request_id: str = ""


SYSTEM = Origin(Actor(None, "system"))
ANONYMOUS = Actor(None, "anonymous")
_origin: ContextVar[Callable[[], Origin]] = ContextVar("audit_origin", default=lambda: SYSTEM)


def current_origin() -> Origin:
    return _origin.get()()


@contextmanager
def acting(origin: Origin | Callable[[], Origin]) -> Iterator[None]:
    """All events of the block come from here. A function is asked at each event: who acts may be known only
    then, or change, as at a login."""
    token = _origin.set(origin if callable(origin) else lambda: origin)
    try:
        yield
    finally:
        _origin.reset(token)


def command_origin(command: str) -> Origin:
    """For `manage.py` commands: the system's user who runs it is all that is known."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        user = "?"
    return Origin(Actor(None, f"manage.py {command} ({user})"))


def key_actor(key: str) -> Actor:
    """Of an API client; `key` names its key as pages do, without the secret."""
    return Actor(None, f"API key {key}")


def user_actor(user: Any) -> Actor:
    """Of a User; of nobody (AnonymousUser) one without an id."""
    return Actor(user.pk, user.get_username()) if user.is_authenticated else ANONYMOUS
