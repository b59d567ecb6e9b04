"""Events of what becomes of users and groups, in the transaction that changes them.

From signals, since these models are Django's: so the admin, the commands and a shell are seen alike. Not seen
is what sends none, such as QuerySet.update() or SQL.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import Group, Permission, User
from django.db import models, transaction
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_delete, pre_save

from audit import trail
from audit.actions import Action
from audit.changes import changes_between
from audit.trail import Subject
from epochs import subjects
from epochs.advancing import advance

from .logins import user_subject

USER_FIELDS = ("username", "first_name", "last_name", "email", "is_active", "is_staff", "is_superuser")
GROUP_FIELDS = ("name",)
_RIGHTS = ("is_active", "is_staff", "is_superuser")
_BEFORE = "_audit_before"


def connect() -> None:
    for model in (User, Group):
        _save_in_one_transaction(model)
        pre_save.connect(_remember, sender=model)
        pre_delete.connect(_lock, sender=model)
        post_delete.connect(_deleted, sender=model)
    post_save.connect(_user_saved, sender=User)
    post_save.connect(_group_saved, sender=Group)
    for relation in (User.groups, User.user_permissions, Group.permissions):
        m2m_changed.connect(_related, sender=relation.through)


def _save_in_one_transaction(model: type[models.Model]) -> None:
    """Outside of a transaction, a row would be stored for good before its event is written."""
    save = model.save

    def atomic_save(self: models.Model, *args: Any, **kwargs: Any) -> None:
        with transaction.atomic():
            save(self, *args, **kwargs)

    model.save = atomic_save  # type: ignore[method-assign]


def _remember(*, instance: User | Group, update_fields: Iterable[str] | None, **_: Any) -> None:
    before = None
    if update_fields is None or not set(update_fields) <= {"last_login"}:
        _lock()
        before = type(instance)._default_manager.filter(pk=instance.pk).first()
    setattr(instance, _BEFORE, before)


def _lock(**_: Any) -> None:
    """Before the first write, in the order of all transactions: the epoch that the triggers of these tables
    will move, then the end of the trail. A key that is issued at this moment takes them in this order too."""
    advance(subjects.Subject.KEYS)
    trail.lock_end()


def _user_saved(*, instance: User, created: bool, update_fields: Iterable[str] | None, **_: Any) -> None:
    before: User | None = getattr(instance, _BEFORE)
    if created:
        rights = {name: getattr(instance, name) for name in _RIGHTS}
        trail.record(Action.USER_CREATED, user_subject(instance), details=rights)
    elif before is not None:
        _record_changes(Action.USER_CHANGED, instance, before, _saved(USER_FIELDS, update_fields))
        if _has_new_password(instance, before, update_fields):
            trail.record(Action.PASSWORD_CHANGED, user_subject(instance))


def _has_new_password(user: User, before: User, update_fields: Iterable[str] | None) -> bool:
    """Not so if the same password is hashed anew, as Django does at a login if the hash is out of date."""
    is_rehash = update_fields is not None and set(update_fields) == {"password"} and _was_not_set(user)
    return bool(_saved(["password"], update_fields)) and user.password != before.password and not is_rehash


def _was_not_set(user: Any) -> bool:
    return user._password is None


def _group_saved(*, instance: Group, created: bool, update_fields: Iterable[str] | None, **_: Any) -> None:
    before: Group | None = getattr(instance, _BEFORE)
    if created:
        trail.record(Action.GROUP_CREATED, _subject(instance))
    elif before is not None:
        _record_changes(Action.GROUP_CHANGED, instance, before, _saved(GROUP_FIELDS, update_fields))


def _record_changes(action: Action, after: User | Group, before: models.Model, fields: Iterable[str]) -> None:
    if changes := changes_between(before, after, fields):
        trail.record(action, _subject(after), details={"changes": changes})


def _saved(fields: Iterable[str], update_fields: Iterable[str] | None) -> list[str]:
    return [name for name in fields if update_fields is None or name in update_fields]


def _deleted(*, instance: User | Group, **_: Any) -> None:
    action = Action.USER_DELETED if isinstance(instance, User) else Action.GROUP_DELETED
    trail.record(action, _subject(instance))


def _related(
    *, sender: Any, instance: Any, action: str, reverse: bool, model: Any, pk_set: set[Any] | None, **_: Any
) -> None:
    """Groups of a user, permissions of a user or of a group, from either side."""
    if action.startswith("pre_"):
        _lock()
    if action == "pre_clear":
        setattr(instance, _BEFORE, _linked(sender, instance, reverse))
    elif action == "post_clear":
        _record_links(sender, getattr(instance, _BEFORE), added=False)
    elif action in ("post_add", "post_remove") and pk_set:
        links = [(pk, instance.pk) if reverse else (instance.pk, pk) for pk in sorted(pk_set)]
        _record_links(sender, links, added=action == "post_add")


def _linked(through: Any, instance: Any, reverse: bool) -> list[tuple[Any, Any]]:
    """All pairs of (holder, held) of the instance, who is the holder unless `reverse`."""
    holder, held = _sides(through)
    rows = through.objects.filter(**{(held if reverse else holder).name: instance})
    return list(rows.order_by("pk").values_list(holder.attname, held.attname))


def _record_links(through: Any, links: Iterable[tuple[Any, Any]], *, added: bool) -> None:
    holder, held = _sides(through)
    of_holder: dict[Any, list[Any]] = {}
    for holder_pk, held_pk in links:
        of_holder.setdefault(holder_pk, []).append(held_pk)
    field = "groups" if held.related_model is Group else "permissions"
    for each in holder.related_model._default_manager.filter(pk__in=of_holder).order_by("pk"):
        now = set(_names(held.related_model, [pk for _, pk in _linked(through, each, reverse=False)]))
        moved = set(_names(held.related_model, of_holder[each.pk]))
        before = now - moved if added else now | moved
        changes = {field: {"from": sorted(before), "to": sorted(now)}}
        trail.record(Action.PERMISSIONS_CHANGED, _subject(each), details={"changes": changes})


def _sides(through: Any) -> tuple[Any, Any]:
    """The foreign keys of the table between: to who holds and to what is held."""
    keys = [field for field in through._meta.fields if field.is_relation]
    held_models = (Permission,) if through is Group.permissions.through else (Group, Permission)
    held = next(key for key in keys if key.related_model in held_models)
    return next(key for key in keys if key is not held), held


def _names(model: Any, pks: Iterable[Any]) -> list[str]:
    if model is Permission:
        rows = Permission.objects.filter(pk__in=pks).values_list("content_type__app_label", "codename")
        return [f"{app}.{codename}" for app, codename in rows]
    return list(Group.objects.filter(pk__in=pks).values_list("name", flat=True))


def _subject(of: User | Group) -> Subject:
    return user_subject(of) if isinstance(of, User) else Subject("group", str(of.pk), of.name)
