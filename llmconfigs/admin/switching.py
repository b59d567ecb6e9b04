"""Changing what answers: each time a page says what that is now and what it would be, and asks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _

from audit.context import user_actor
from epochs.selectors import running_processes
from llmbackends.errors import ConfigurationError

from .. import activation, editing, history, selectors, wording
from ..errors import ConfigChangedMeanwhile, LLMConfigsError, NothingToRollBackTo, ProbeFailed
from ..forms import CloneForm
from ..history import ENVIRONMENT, Answering
from .base import DeskPages, tell_success
from .comparing import compared, name_of

MOST_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Confirmation:
    """act: does it, with the reason that was given ("" if none), and raises what the services raise."""

    title: str
    submit: str
    after: Answering
    act: Callable[[str], Any]
    probes: bool = True


class SwitchingPages(DeskPages):
    def switching_urls(self) -> list[URLPattern]:
        view, name = self.admin_site.admin_view, "llmconfigs_llmconfig"
        return [
            path("roll-back/", view(self.roll_back_page), name=f"{name}_roll_back"),
            path("switched/", view(self.switched_page), name=f"{name}_switched"),
            path("processes/", view(self.processes_part), name=f"{name}_processes"),
            path("<path:object_id>/activate/", view(self.activate_page), name=f"{name}_activate"),
            path(
                "<path:object_id>/deactivate/",
                view(self.deactivate_page),
                name=f"{name}_deactivate",
            ),
            path("<path:object_id>/clone/", view(self.clone_page), name=f"{name}_clone"),
        ]

    def activate_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Under the two-person rule, the page that requests it."""
        self.require(request, self.has_activate_permission(request))
        config = self.config_or_404(request, object_id)
        if settings.ACTIVATION_NEEDS_TWO:
            return HttpResponseRedirect(self.url("request", config.pk))
        by = user_actor(request.user)
        confirmation = Confirmation(
            title=_("Activate %(name)s?") % {"name": config.name},
            submit=_("Test and activate"),
            after=Answering(config),
            act=lambda reason: activation.activate(config, by=by, force_reason=reason),
        )
        return self.confirmed(request, confirmation)

    def deactivate_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        self.require(request, self.has_activate_permission(request))
        config = self.config_or_404(request, object_id)
        if not config.is_active:
            messages.warning(request, _("%(name)s is not active.") % {"name": config.name})
            return HttpResponseRedirect(self.url("changelist"))
        by = user_actor(request.user)
        confirmation = Confirmation(
            title=_("Deactivate %(name)s?") % {"name": config.name},
            submit=_("Deactivate"),
            after=ENVIRONMENT,
            act=lambda reason: activation.deactivate(config, by=by),
            probes=False,
        )
        return self.confirmed(request, confirmation)

    def roll_back_page(self, request: HttpRequest) -> HttpResponse:
        self.require(request, self.has_activate_permission(request))
        try:
            target = history.roll_back_target()
        except NothingToRollBackTo as error:
            messages.warning(request, wording.explain(error))
            return HttpResponseRedirect(self.url("changelist"))
        by = user_actor(request.user)
        confirmation = Confirmation(
            title=_("Roll back to %(name)s?") % {"name": name_of(target)},
            submit=_("Test and roll back"),
            after=target,
            act=lambda reason: activation.roll_back(target, by=by, force_reason=reason),
        )
        return self.confirmed(request, confirmation)

    def clone_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        self.require(request, self.has_add_permission(request))
        config = self.config_or_404(request, object_id)
        form = CloneForm(request.POST or None, initial={"name": _("%(name)s (copy)") % {"name": config.name}})
        if form.is_valid():
            copy = editing.clone(config, name=form.cleaned_data["name"], by=user_actor(request.user))
            messages.success(request, _("%(name)s is a copy, and not active.") % {"name": copy.name})
            return HttpResponseRedirect(self.url("change", copy.pk))
        return self.page(
            request,
            "clone",
            title=_("Clone %(name)s") % {"name": config.name},
            original=config,
            form=form,
        )

    def switched_page(self, request: HttpRequest) -> HttpResponse:
        """What answers now, and which processes have taken it up."""
        self.require(request)
        return self.page(
            request,
            "switched",
            title=_("What answers now"),
            now=history.answering_now(),
            now_name=name_of(history.answering_now()),
            activations=selectors.last_activations(MOST_SHOWN),
            can_roll_back=self.has_activate_permission(request),
            **self._processes(),
        )

    def processes_part(self, request: HttpRequest) -> HttpResponse:
        self.require(request)
        return TemplateResponse(
            request, "admin/llmconfigs/llmconfig/partials/_processes.html", self._processes()
        )

    def confirmed(self, request: HttpRequest, confirmation: Confirmation) -> HttpResponse:
        """The page, or what follows when somebody has agreed to just what it shows."""
        before = history.answering_now()
        seen = _mark(before, confirmation.after)
        failed: ProbeFailed | None = None
        if request.method == "POST":
            try:
                if request.POST.get("seen") != seen:
                    raise ConfigChangedMeanwhile(name_of(confirmation.after))
                confirmation.act(request.POST.get("reason", ""))
            except ProbeFailed as error:
                failed = error
            except (LLMConfigsError, ConfigurationError) as error:
                messages.error(request, wording.explain(error))
            else:
                tell_success(request)
                return HttpResponseRedirect(self.url("switched"))
        return self.page(
            request,
            "confirm",
            title=confirmation.title,
            confirmation=confirmation,
            original=confirmation.after.config,
            rows=compared(before, confirmation.after),
            seen=seen,
            probe=failed.probe if failed else None,
        )

    def _processes(self) -> dict[str, Any]:
        processes = running_processes()
        return {"processes": processes, "all_converged": all(each.has_converged for each in processes)}


def _mark(before: Answering, after: Answering) -> str:
    """Of what a page shows: who agrees to it agrees to these versions."""
    return f"{before.config_id}:{before.version}:{after.config_id}:{after.version}"
