from __future__ import annotations

from django.urls import path, re_path

from .fallbacks import unknown_path
from .health import livez, readyz
from .service import api_urls

urlpatterns = [
    path("livez", livez),
    path("readyz", readyz),
    path("api/v1/", api_urls()),
    re_path(r"^api(?:/|$)", unknown_path),
]
