"""Users and groups in the admin: permissions in the reader's words, and nobody gives more than they hold.

Django lets whoever may change users make a superuser of anybody, and set the password of anybody. Here
someone who is no superuser can change, delete or set the password of those alone whose rights are among their
own, and give only such rights.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.contrib.auth import admin as auth_admin
from django.contrib.auth.models import Group, Permission, User
from django.db.models import Q, QuerySet
from django.http import HttpRequest

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


class _WithinOwnRights(_ModelAdmin):
    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and _is_within(request.user, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and _is_within(request.user, obj)

    def formfield_for_manytomany(self, db_field: Any, request: Any = None, **kwargs: Any) -> Any:
        """Offers what the user may give, and so takes nothing else."""
        if db_field.related_model is Permission:
            kwargs["form_class"] = PermissionsField
        field: Any = super().formfield_for_manytomany(db_field, request, **kwargs)
        if request is not None and not request.user.is_superuser:
            which = "pk__in" if db_field.related_model is Permission else "permissions__in"
            field.queryset = field.queryset.exclude(**{which: _lacking(request.user)})
        return field


admin.site.unregister([User, Group])


@admin.register(User)
class UserAdmin(_WithinOwnRights, _UserAdmin):
    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = super().get_readonly_fields(request, obj)
        return fields if request.user.is_superuser else [*fields, "is_superuser"]


@admin.register(Group)
class GroupAdmin(_WithinOwnRights, auth_admin.GroupAdmin):
    pass


def _is_within(user: Any, row: User | Group | None) -> bool:
    """All rights of the row, of a user who is not active too, are among the user's."""
    if row is None or user.is_superuser:
        return True
    if isinstance(row, Group):
        held = Q(group=row)
    elif row.is_superuser:
        return False
    else:
        held = Q(user=row) | Q(group__user=row)
    return not _lacking(user).filter(held).exists()


def _lacking(user: Any) -> QuerySet[Permission]:
    return Permission.objects.exclude(Q(user=user) | Q(group__user=user))
