"""Testing a connection and fetching a service's models, with what was entered and not yet saved.

The form is judged as it is for saving. So a stored key goes nowhere but to the address it was stored for: for
another one the form demands it again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters

from llmbackends.errors import BackendError, ConfigurationError
from llmbackends.spec import BackendSpec

from .. import asking, wording
from ..errors import LLMConfigsError
from ..forms import LLMConfigForm
from ..models import LLMConfig
from ..probing import Probe
from ..specs import spec_from_config
from .base import DeskPages

# What a service is asked does not depend on them.
_NEEDLESS = {"test": {"name"}, "models": {"name", "model_name"}}


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of it: one of these is there. errors: of the form, each with its field's label."""

    probe: Probe | None = None
    models: tuple[str, ...] | None = None
    problem: str = ""
    errors: tuple[tuple[str, str], ...] = ()


class TryingPages(DeskPages):
    def trying_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("add/try/<str:what>/", view(self.try_page), name="llmconfigs_llmconfig_try_new"),
            path("<path:object_id>/try/<str:what>/", view(self.try_page), name="llmconfigs_llmconfig_try"),
        ]

    @method_decorator(sensitive_post_parameters("api_key"))
    def try_page(self, request: HttpRequest, what: str, object_id: str | None = None) -> HttpResponse:
        """A part of the form for htmx, the whole form otherwise, with what was entered (but a key)."""
        config = self.config_or_404(request, object_id) if object_id else None
        allowed = self.has_change_permission(request, config) if config else self.has_add_permission(request)
        if not allowed:
            raise PermissionDenied
        form_url = self.url("change", config.pk) if config else self.url("add")
        if request.method != "POST" or what not in _NEEDLESS:
            return HttpResponseRedirect(form_url)
        form: Any = self.get_form(request, config, change=config is not None)(request.POST, instance=config)
        trial = _try(form, what, config)
        if request.htmx:  # type: ignore[attr-defined]
            context = {"trial": trial}
            return TemplateResponse(request, "admin/llmconfigs/llmconfig/partials/_trial.html", context)
        # The form has written into the row that it was given.
        stored = LLMConfig.objects.filter(pk=config.pk).first() if config else None
        title = _("Change %(name)s") % {"name": stored.name} if stored else _("Add a configuration")
        return self.whole_form(request, form, stored, title=title, form_url=form_url, trial=trial)


def _try(form: LLMConfigForm, what: str, config: LLMConfig | None) -> Trial:
    """`config`: the row that the form has written into, unsaved."""
    errors = tuple(_errors_of(form, needless=_NEEDLESS[what]))
    if errors:
        return Trial(errors=errors)
    try:
        spec = spec_from_config(form.instance)
        if what == "models":
            return Trial(models=asking.fetch_models(spec, config=config))
        return Trial(probe=asking.probe(spec, config=config, is_stored=_is_stored(spec, config)))
    except (BackendError, LLMConfigsError) as error:
        return Trial(problem=wording.explain(error))


def _errors_of(form: LLMConfigForm, *, needless: set[str]) -> Iterator[tuple[str, str]]:
    for name, errors in form.errors.items():
        if name not in needless:
            label = str(form.fields[name].label or name) if name in form.fields else ""
            yield from ((label, str(error)) for error in errors)


def _is_stored(spec: BackendSpec, config: LLMConfig | None) -> bool:
    stored = LLMConfig.objects.filter(pk=config.pk).first() if config else None
    try:
        return stored is not None and spec_from_config(stored) == spec
    except ConfigurationError:
        return False
