"""The admin's site: Django's, with our way in."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path, reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache

from .next_page import safe_next


class DeskSite(admin.AdminSite):
    site_title = site_header = "Changeover"
    index_title = gettext_lazy("Administration")
    site_url = None

    def get_urls(self) -> list[URLResolver | URLPattern]:
        from .dashboard import views  # which needs the models, and this module is loaded before them

        return [
            path("desk/", self.admin_view(views.desk), name="desk"),
            path("desk/health/", self.admin_view(views.health), name="desk_health"),
            *super().get_urls(),
        ]

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """Without a script the health is asked for by `?health`, since it may take its time."""
        from .dashboard.health import health_now
        from .dashboard.panels import desk_of

        desk = desk_of(request.user)
        is_asked = "health" in request.GET and desk.active
        context = {"desk": desk, "health": health_now.get() if is_asked else None}
        return super().index(request, context | (extra_context or {}))

    @method_decorator(never_cache)
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """One login for all pages. Raises PermissionDenied for who is logged in and no staff."""
        target = safe_next(request) or self._index()
        if self.has_permission(request):
            return redirect(target)
        if request.user.is_authenticated:
            raise PermissionDenied(_("These pages are for staff. Ask an administrator to make you staff."))
        return redirect_to_login(target)

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Not the admin's own page: one for everybody."""
        return redirect("web:password_change")

    def _index(self) -> str:
        return reverse("admin:index", current_app=self.name)
