"""What the owner of a key may give to it: never more than they hold.

generate   for who may use the playground, or add generation jobs
read       for every owner, as long as they are active
manage     for who may see and cancel the jobs of all
webhooks   for who may add webhook endpoints

Limits of its own may not be wider than those of the installation, except for who may change all keys.

This binds twice: when a key is made, and whenever a process reads it. A change of a user, of a group or of
their permissions moves the epoch of the keys, so an owner who loses a right loses it in every key and process
at once, and has it again when it comes back. Nothing of that is written into the keys.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from .models import ApiKey, Scope

if TYPE_CHECKING:
    from django.contrib.auth.models import User


_PLAYGROUND: Final = "generation.use_playground"
_ADD_JOBS: Final = "generation.add_generationjob"
_SEE_JOBS: Final = "generation.view_generationjob"
_CHANGE_JOBS: Final = "generation.change_generationjob"
_CHANGE_KEYS: Final = "apikeys.change_apikey"
_ADD_WEBHOOKS: Final = "webhooks.add_webhookendpoint"
_PERMISSIONS: Final = (_PLAYGROUND, _ADD_JOBS, _SEE_JOBS, _CHANGE_JOBS, _CHANGE_KEYS, _ADD_WEBHOOKS)


@dataclass(frozen=True, slots=True)
class Rights:
    """`per_minute`, `at_once`: the widest limits, 0 for none."""

    scopes: tuple[Scope, ...]
    per_minute: int
    at_once: int


_NOTHING: Final = Rights(scopes=(), per_minute=1, at_once=1)


def rights_of(user: User) -> Rights:
    return _rights(user.has_perm) if user.is_active else _NOTHING


def require_within(rights: Rights, key: ApiKey) -> None:
    """Raises ValidationError, by field, if the key would have more than that."""
    problems: dict[str, Any] = {}
    if set(key.scopes) - {scope.value for scope in rights.scopes}:
        problems["scopes"] = _("You can give a key only what you may do yourself.")
    if _is_wider(key.requests_per_minute, rights.per_minute):
        problems["requests_per_minute"] = _at_most(rights.per_minute)
    if _is_wider(key.concurrent_requests, rights.at_once):
        problems["concurrent_requests"] = _at_most(rights.at_once)
    if problems:
        raise ValidationError(problems)


def bind(keys: Iterable[ApiKey]) -> None:
    """Takes from each key, in memory alone, what its owner does not hold: scopes, of which none may be left,
    and limits of its own. As many queries for a thousand owners as for one."""
    owned = [key for key in keys if key.owner is not None]
    if not owned:
        return
    holders = {permission: _holders(permission, owned) for permission in _PERMISSIONS}
    for key in owned:
        rights = _rights_of_owner(key, holders)
        key.scopes = [scope for scope in key.scopes if scope in rights.scopes]
        key.requests_per_minute = _narrowed(key.requests_per_minute, rights.per_minute)
        key.concurrent_requests = _narrowed(key.concurrent_requests, rights.at_once)


def _rights(holds: Callable[[str], bool]) -> Rights:
    """Of an active user. `holds`: whether they have a permission."""
    has_scope = {
        Scope.GENERATE: holds(_PLAYGROUND) or holds(_ADD_JOBS),
        Scope.READ: True,
        Scope.MANAGE: holds(_SEE_JOBS) and holds(_CHANGE_JOBS),
        Scope.WEBHOOKS: holds(_ADD_WEBHOOKS),
    }
    is_free = holds(_CHANGE_KEYS)
    return Rights(
        scopes=tuple(scope for scope, is_held in has_scope.items() if is_held),
        per_minute=0 if is_free else settings.API_REQUESTS_PER_MINUTE,
        at_once=0 if is_free else settings.API_CONCURRENT_REQUESTS,
    )


def _holders(permission: str, keys: Iterable[ApiKey]) -> set[int]:
    """Of the owners those who have it."""
    users: Any = get_user_model()._default_manager
    having = users.with_perm(permission, backend="django.contrib.auth.backends.ModelBackend")
    return set(having.filter(pk__in={key.owner_id for key in keys}).values_list("pk", flat=True))


def _rights_of_owner(key: ApiKey, holders: Mapping[str, set[int]]) -> Rights:
    is_active = key.owner is not None and key.owner.is_active
    return _rights(lambda permission: key.owner_id in holders[permission]) if is_active else _NOTHING


def _narrowed(own: int | None, most: int) -> int | None:
    return None if _is_wider(own, most) else own


def _is_wider(own: int | None, most: int) -> bool:
    """A key without a number of its own has the installation's."""
    return own is not None and bool(most) and (own == 0 or own > most)


def _at_most(most: int) -> str:
    return _("Give a number from 1 to %(most)d.") % {"most": most}
