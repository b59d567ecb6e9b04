from __future__ import annotations

from django.contrib import admin
from django.urls import include, path
from django.utils.translation import gettext_lazy as _
from django.views.generic import RedirectView

admin.site.site_title = admin.site.site_header = "Changeover"
admin.site.index_title = _("Administration")
admin.site.site_url = None

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index"), name="start"),
    path("admin/", admin.site.urls),
    path("", include("web.urls")),
    path("", include("api.urls")),
]

handler400 = "api.fallbacks.bad_request"
handler403 = "api.fallbacks.permission_denied"
handler404 = "api.fallbacks.not_found"
handler500 = "api.fallbacks.server_error"
