"""The parts of the admin's start page that ask for themselves anew. web/admin_site.py lets staff alone in."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from .health import health_now
from .panels import desk_of


@require_safe
def desk(request: HttpRequest) -> HttpResponse:
    return render(request, "partials/_desk.html", {"desk": desk_of(request.user)})


@require_safe
def health(request: HttpRequest) -> HttpResponse:
    if not request.user.has_perm("llmconfigs.view_llmconfig"):
        raise PermissionDenied
    return render(request, "partials/_health.html", {"health": health_now.get()})
