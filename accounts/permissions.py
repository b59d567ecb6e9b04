"""What permissions are called in the reader's language: Django stores their names, in English."""

from __future__ import annotations

from typing import Final

from django.apps import apps
from django.contrib.auth.models import Permission
from django.db.models import Model
from django.utils.functional import Promise
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _

_OF_EVERY_MODEL: Final[dict[str, Promise]] = {
    "view": _("Can view %(model)s"),
    "add": _("Can add %(model)s"),
    "change": _("Can change %(model)s"),
    "delete": _("Can delete %(model)s"),
}
# Names that are never translated where they come from, or not to each of our languages.
_NAMES: Final = (
    gettext_noop("Axes"),
    gettext_noop("access attempt"),
    gettext_noop("access attempt expiration"),
    gettext_noop("access failure"),
    gettext_noop("access log"),
    gettext_noop("epoch"),
    gettext_noop("given number"),
    gettext_noop("key turn"),
    gettext_noop("lease"),
)


def label_of(permission: Permission) -> str:
    """Such as "Generation | generation job | Can use the playground"."""
    model = permission.content_type.model_class()
    if model is None:
        return str(permission)
    application = str(apps.get_app_config(model._meta.app_label).verbose_name)
    return f"{gettext(application)} | {_called(model)} | {name_of(permission)}"


def name_of(permission: Permission) -> str:
    """As it is stored, if its model is not installed or does not know it any more."""
    model = permission.content_type.model_class()
    if model is None:
        return permission.name
    own = dict(model._meta.permissions)
    if permission.codename in own:
        return str(own[permission.codename])
    action, _underscore, name = permission.codename.partition("_")
    if name != model._meta.model_name or action not in _OF_EVERY_MODEL:
        return permission.name
    return str(_OF_EVERY_MODEL[action]) % {"model": _called(model)}


def _called(model: type[Model]) -> str:
    name = str(model._meta.verbose_name)
    return gettext(name)
