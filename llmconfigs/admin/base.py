"""What the administrator's pages have in common."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest
from django.utils.translation import gettext as _

from adminlists.own_pages import OwnPages
from llmbackends.errors import ConfigurationError

from .. import describing, history, wording
from ..active import active_spec
from ..models import LLMConfig


class DeskPages(OwnPages):
    def has_activate_permission(self, request: HttpRequest, obj: LLMConfig | None = None) -> bool:
        """Activating, deactivating, rolling back, and requesting it."""
        return request.user.has_perm("llmconfigs.activate_llmconfig")

    def has_approve_permission(self, request: HttpRequest, obj: LLMConfig | None = None) -> bool:
        return request.user.has_perm("llmconfigs.approve_llmconfig")

    def config_or_404(self, request: HttpRequest, object_id: str) -> LLMConfig:
        config: LLMConfig = self.row_or_404(request, object_id)
        return config


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
