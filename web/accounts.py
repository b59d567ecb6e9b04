"""Logging in and out, the own password, the language, and where a person starts."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth import views as auth_views
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse_lazy
from django.utils.translation import gettext as _
from django.views.i18n import set_language

from .access import logged_in, public


class _LoginView(auth_views.LoginView):
    """A `next` that leads elsewhere is ignored."""

    redirect_authenticated_user = True


class _PasswordChangeView(auth_views.PasswordChangeView):
    success_url = reverse_lazy("web:start")

    def form_valid(self, form: object) -> HttpResponse:
        answer = super().form_valid(form)  # type: ignore[arg-type]
        messages.success(self.request, _("Your password has been changed."))
        return answer


login = public(_LoginView.as_view())
logout = public(auth_views.LogoutView.as_view())
password_change = logged_in(_PasswordChangeView.as_view())
language = public(set_language)


@public
def start(request: HttpRequest) -> HttpResponse:
    """To where one's work is."""
    if not request.user.is_authenticated:
        return redirect("web:login")
    if request.user.is_staff:
        return redirect("admin:index")
    return redirect("web:playground" if request.user.has_perm("generation.use_playground") else "web:jobs")
