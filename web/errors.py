"""Pages that say why there is no other; those of Django's own handlers are templates alone."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Django has logged the reason, which would help nobody who reads the page."""
    return render(request, "403_csrf.html", status=403)
