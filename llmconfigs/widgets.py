"""The choice of a provider, with what an administrator wants to know of each."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from llmbackends.catalog import KeyPolicy, Locality, Provider
from llmbackends.errors import UnknownProvider
from llmbackends.registry import get_provider


class ProviderSelect(forms.RadioSelect):
    """One button for each, grouped by where the prompts go, with a line of help. Where remote providers are
    forbidden theirs are disabled and say why.

    llmconfig_form.js reads from the chosen one which fields the provider takes and what its defaults are.
    """

    template_name = "admin/llmconfigs/widgets/providers.html"

    def _render(self, template_name: str, context: dict[str, Any], renderer: Any = None) -> SafeString:
        """With the templates of the project, where Django's own widgets have theirs."""
        return render_to_string(template_name, context)

    def create_option(
        self, name: str, value: Any, label: Any, selected: Any, *args: Any, **kwargs: Any
    ) -> Any:
        option = super().create_option(name, value, label, selected, *args, **kwargs)
        try:
            provider = get_provider(str(value))
        except UnknownProvider:
            return option
        option["help"] = _(provider.description) if provider.description else ""
        option["attrs"] |= _data(provider)
        if _is_forbidden(provider) and not selected:
            option["attrs"]["disabled"] = True
            option["reason"] = _("This installation forbids remote providers.")
        return option


def _is_forbidden(provider: Provider) -> bool:
    return provider.locality is Locality.REMOTE and not settings.LLM_ALLOW_REMOTE


def _data(provider: Provider) -> dict[str, str]:
    has_endpoint = provider.endpoint_required or provider.default_endpoint is not None
    return {
        "data-takes-key": "no" if provider.key is KeyPolicy.NONE else "yes",
        "data-takes-endpoint": "yes" if has_endpoint else "no",
        "data-endpoint": provider.default_endpoint or "",
        "data-model": provider.default_model or "",
    }
