"""Pages that an admin class adds to those which Django has for a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin import helpers
from django.contrib.admin.utils import flatten_fieldsets
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Any]
else:
    _ModelAdmin = admin.ModelAdmin


class OwnPages(_ModelAdmin):
    """Each page names the permissions that it needs with `require`."""

    def require(self, request: HttpRequest, *allowed: bool) -> None:
        """Whoever uses these pages may also see the rows. Raises PermissionDenied."""
        if not (all(allowed) and self.has_view_permission(request)):
            raise PermissionDenied

    def row_or_404(self, request: HttpRequest, object_id: str) -> Any:
        row = self.get_object(request, object_id)
        if row is None:
            raise Http404
        return row

    def page(self, request: HttpRequest, name: str, *, title: str, **context: Any) -> TemplateResponse:
        """Of the template admin/APP/MODEL/NAME.html."""
        request.current_app = self.admin_site.name
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": title,
            "subtitle": None,
            **context,
        }
        folder = f"admin/{self.opts.app_label}/{self.opts.model_name}"
        return TemplateResponse(request, f"{folder}/{name}.html", context)

    def whole_form(
        self, request: HttpRequest, form: Any, row: Any, *, title: str, form_url: str, **context: Any
    ) -> HttpResponse:
        """With what was entered, as ModelAdmin shows it after a save that failed. `row`: as it is stored;
        None for a new one."""
        fieldsets: Any = list(self.get_fieldsets(request, row))
        is_read = row is not None and not self.has_change_permission(request, row)
        readonly = flatten_fieldsets(fieldsets) if is_read else self.get_readonly_fields(request, row)
        adminform = helpers.AdminForm(form, fieldsets, {}, readonly, model_admin=self)
        request.current_app = self.admin_site.name
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "subtitle": None,
            "adminform": adminform,
            "object_id": str(row.pk) if row else None,
            "original": row,
            "is_popup": False,
            "to_field": None,
            "media": self.media + adminform.media,
            "inline_admin_formsets": [],
            "errors": helpers.AdminErrorList(form, []),
            "preserved_filters": self.get_preserved_filters(request),
            **context,
        }
        is_change = row is not None
        return self.render_change_form(
            request, context, add=not is_change, change=is_change, obj=row, form_url=form_url
        )

    def url(self, name: str, *arguments: Any) -> str:
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_{name}"
        return reverse(name, args=arguments, current_app=self.admin_site.name)
