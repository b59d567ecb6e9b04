"""What the administrator's pages of generators have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from django.template.response import TemplateResponse
from django.urls import reverse

from ..models import Generator

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Generator]
else:
    ModelAdmin = admin.ModelAdmin


class GeneratorPages(ModelAdmin):
    """Each page names the permissions that it needs with `require`."""

    def has_publish_permission(self, request: HttpRequest, obj: Generator | None = None) -> bool:
        """Publishing, choosing the current version, retiring and bringing back."""
        return request.user.has_perm("generators.publish_generator")

    def require(self, request: HttpRequest, *allowed: bool) -> None:
        """Whoever uses these pages may also see the rows. Raises PermissionDenied."""
        if not (all(allowed) and self.has_view_permission(request)):
            raise PermissionDenied

    def generator_or_404(self, request: HttpRequest, object_id: str) -> Generator:
        generator = self.get_object(request, object_id)
        if generator is None:
            raise Http404
        return generator

    def page(self, request: HttpRequest, name: str, *, title: str, **context: Any) -> TemplateResponse:
        request.current_app = self.admin_site.name
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": title,
            "subtitle": None,
            **context,
        }
        return TemplateResponse(request, f"admin/generators/generator/{name}.html", context)

    def url(self, name: str, *arguments: Any) -> str:
        return reverse(f"admin:generators_generator_{name}", args=arguments, current_app=self.admin_site.name)
