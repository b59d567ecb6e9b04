"""What the administrator's pages have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from llmbackends.errors import ConfigurationError

from .. import describing, history, wording
from ..active import active_spec
from ..models import LLMConfig

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[LLMConfig]
else:
    ModelAdmin = admin.ModelAdmin


class DeskPages(ModelAdmin):
    """Each page names the permissions that it needs with `require`."""

    def has_activate_permission(self, request: HttpRequest, obj: LLMConfig | None = None) -> bool:
        """Activating, deactivating, rolling back, and requesting it."""
        return request.user.has_perm("llmconfigs.activate_llmconfig")

    def has_approve_permission(self, request: HttpRequest, obj: LLMConfig | None = None) -> bool:
        return request.user.has_perm("llmconfigs.approve_llmconfig")

    def require(self, request: HttpRequest, *allowed: bool) -> None:
        """Whoever uses these pages may also see the rows. Raises PermissionDenied."""
        if not (all(allowed) and self.has_view_permission(request)):
            raise PermissionDenied

    def config_or_404(self, request: HttpRequest, object_id: str) -> LLMConfig:
        config = self.get_object(request, object_id)
        if config is None:
            raise Http404
        return config

    def page(self, request: HttpRequest, name: str, *, title: str, **context: Any) -> TemplateResponse:
        request.current_app = self.admin_site.name
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": title,
            "subtitle": None,
            **context,
        }
        return TemplateResponse(request, f"admin/llmconfigs/llmconfig/{name}.html", context)

    def url(self, name: str, *arguments: Any) -> str:
        return reverse(f"admin:llmconfigs_llmconfig_{name}", args=arguments, current_app=self.admin_site.name)


def in_use() -> str:
    try:
        active = active_spec()
    except ConfigurationError as error:
        return _("Nothing can answer. %(reason)s") % {"reason": wording.explain(error)}
    names = {
        "name": active.config_name,
        "provider": describing.provider_label(active.spec.provider),
        "model": active.spec.model,
    }
    if active.source == "environment":
        return _("In use: the environment (%(provider)s, %(model)s)") % names
    return _("In use: %(name)s (%(provider)s, %(model)s)") % names


def warn_of_environment(request: HttpRequest) -> None:
    messages.warning(request, _("No configuration is active now. %(in_use)s") % {"in_use": in_use()})


def tell_success(request: HttpRequest) -> None:
    """After a switch."""
    now = history.answering_now()
    if now.config is None:
        warn_of_environment(request)
    else:
        text = _("%(name)s is active and answers every new request.")
        messages.success(request, text % {"name": now.name})
