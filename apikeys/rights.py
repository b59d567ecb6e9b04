"""What the owner of a key may give to it: never more than they hold.

generate   for who may use the playground, or add generation jobs
read       for every owner, as long as they are active
manage     for who may see and cancel the jobs of all

Limits of its own may not be wider than those of the installation, except for who may change all keys.

This binds twice: when a key is made, and whenever a process reads it. A change of a user, of a group or of
their permissions moves the epoch of the keys, so an owner who loses a right loses it in every key and process
at once, and has it again when it comes back. Nothing of that is written into the keys.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from .models import ApiKey, Scope

if TYPE_CHECKING:
    from django.contrib.auth.models import User


@dataclass(frozen=True, slots=True)
class Rights:
    """`per_minute`, `at_once`: the widest limits, 0 for none."""

    scopes: tuple[Scope, ...]
    per_minute: int
    at_once: int


def rights_of(user: User) -> Rights:
    free = user.has_perm("apikeys.change_apikey")
    return Rights(
        scopes=_scopes_of(user),
        per_minute=0 if free else settings.API_REQUESTS_PER_MINUTE,
        at_once=0 if free else settings.API_CONCURRENT_REQUESTS,
    )


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
    """Takes from each key, in memory alone, the scopes that its owner does not hold; none may be left."""
    held: dict[int, tuple[Scope, ...]] = {}
    for key in keys:
        if key.owner is None:
            continue
        if key.owner.pk not in held:
            held[key.owner.pk] = _scopes_of(key.owner)
        key.scopes = [scope for scope in key.scopes if scope in held[key.owner.pk]]


def _scopes_of(user: User) -> tuple[Scope, ...]:
    if not user.is_active:
        return ()
    may_generate = user.has_perm("generation.use_playground") or user.has_perm("generation.add_generationjob")
    may_manage = user.has_perms(["generation.view_generationjob", "generation.change_generationjob"])
    holds = {Scope.GENERATE: may_generate, Scope.READ: True, Scope.MANAGE: may_manage}
    return tuple(scope for scope, is_held in holds.items() if is_held)


def _is_wider(own: int | None, most: int) -> bool:
    """A key without a number of its own has the installation's."""
    return own is not None and bool(most) and (own == 0 or own > most)


def _at_most(most: int) -> str:
    return _("Give a number from 1 to %(most)d.") % {"most": most}
