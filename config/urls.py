from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", include("web.urls")),
    path("", include("api.urls")),
]

handler400 = "api.fallbacks.bad_request"
handler403 = "api.fallbacks.permission_denied"
handler404 = "api.fallbacks.not_found"
handler500 = "api.fallbacks.server_error"
