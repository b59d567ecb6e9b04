"""Django's pages for users and groups, with permissions that the reader understands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.contrib.auth import admin as auth_admin
from django.contrib.auth.models import Group, Permission, User

from .permissions import label_of

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Any]
    _UserAdmin = auth_admin.UserAdmin[User]
    _ModelMultipleChoiceField = forms.ModelMultipleChoiceField[Permission]
else:
    _ModelAdmin, _UserAdmin = object, auth_admin.UserAdmin
    _ModelMultipleChoiceField = forms.ModelMultipleChoiceField


class PermissionsField(_ModelMultipleChoiceField):
    def label_from_instance(self, permission: Permission) -> str:
        return label_of(permission)


class _NamesPermissions(_ModelAdmin):
    def formfield_for_manytomany(self, db_field: Any, request: Any = None, **kwargs: Any) -> Any:
        if db_field.related_model is Permission:
            kwargs["form_class"] = PermissionsField
        return super().formfield_for_manytomany(db_field, request, **kwargs)


admin.site.unregister([User, Group])


@admin.register(User)
class UserAdmin(_NamesPermissions, _UserAdmin):
    pass


@admin.register(Group)
class GroupAdmin(_NamesPermissions, auth_admin.GroupAdmin):
    pass
