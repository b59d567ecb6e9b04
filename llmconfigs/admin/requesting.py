"""Under the two-person rule: requests for an activation, and the second person's decision."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.context import user_actor
from llmbackends.errors import ConfigurationError

from .. import activation, history, requests, selectors, wording
from ..errors import LLMConfigsError, ProbeFailed
from ..history import Answering
from ..models import ActivationRequest, LLMConfig, RequestState
from .base import DeskPages, tell_success
from .comparing import compared

MOST_SHOWN = 50


class RequestingPages(DeskPages):
    def requesting_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("requests/", view(self.requests_page), name="llmconfigs_llmconfig_requests"),
            path("requests/<int:request_id>/", view(self.decide_page), name="llmconfigs_llmconfig_decide"),
            path("<path:object_id>/request/", view(self.request_page), name="llmconfigs_llmconfig_request"),
        ]

    def requests_page(self, request: HttpRequest) -> HttpResponse:
        self.require(request)
        now = timezone.now()
        found = ActivationRequest.objects.all()[:MOST_SHOWN]
        return self.page(
            request,
            "requests",
            title=_("Requests for activation"),
            requests=[(each, each.state_at(now)) for each in found],
        )

    def request_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        self.require(request, self.has_activate_permission(request))
        config = self.config_or_404(request, object_id)
        if pending := selectors.pending_request_for(config.pk):
            return HttpResponseRedirect(self.url("decide", pending.pk))
        if request.method == "POST":
            try:
                if request.POST.get("seen") != str(config.version):
                    config.version = -1  # what was seen is not what is stored
                by = user_actor(request.user)
                made = requests.make(config, by=by, reason=request.POST.get("reason", "").strip())
            except (LLMConfigsError, ConfigurationError) as error:
                messages.error(request, wording.explain(error))
                return HttpResponseRedirect(request.path)
            messages.success(request, _("The request waits for a second person."))
            return HttpResponseRedirect(self.url("decide", made.pk))
        return self.page(
            request,
            "request",
            title=_("Request the activation of %(name)s") % {"name": config.name},
            original=config,
            rows=compared(history.answering_now(), Answering(config)),
        )

    def decide_page(self, request: HttpRequest, request_id: int) -> HttpResponse:
        self.require(request)
        wanted = ActivationRequest.objects.filter(pk=request_id).first()
        if wanted is None:
            raise Http404
        failed: ProbeFailed | None = None
        if request.method == "POST":
            try:
                return self._decide(request, wanted)
            except ProbeFailed as error:
                failed = error
            except (LLMConfigsError, ConfigurationError) as error:
                messages.error(request, wording.explain(error))
        return self.page(request, "decide", **self._shown(request, wanted, failed))

    def _decide(self, request: HttpRequest, wanted: ActivationRequest) -> HttpResponse:
        by, reason = user_actor(request.user), request.POST.get("reason", "").strip()
        decision = request.POST.get("decision")
        if decision == "withdraw":
            self.require(request, self.has_activate_permission(request))
            requests.withdraw(wanted, by=by)
            messages.success(request, _("The request has been withdrawn."))
            return HttpResponseRedirect(self.url("requests"))
        self.require(request, self.has_approve_permission(request))
        if decision == "reject":
            requests.reject(wanted, by=by, reason=reason)
            messages.success(request, _("The request has been rejected."))
            return HttpResponseRedirect(self.url("requests"))
        if decision == "approve":
            activation.approve(wanted, by=by, force_reason=reason if request.POST.get("anyway") else "")
            tell_success(request)
            return HttpResponseRedirect(self.url("switched"))
        return HttpResponseRedirect(request.path)

    def _shown(
        self, request: HttpRequest, wanted: ActivationRequest, failed: ProbeFailed | None
    ) -> dict[str, Any]:
        by = user_actor(request.user)
        config: LLMConfig | None = LLMConfig.objects.filter(pk=wanted.config_id).first()
        state = wanted.state_at(timezone.now())
        is_pending = state == RequestState.PENDING
        is_involved = wanted.was_made_by(by) or (config is not None and config.was_edited_by(by))
        may_decide = is_pending and self.has_approve_permission(request)
        return {
            "title": _("Activate %(name)s?") % {"name": wanted.config_name},
            "original": config,
            "wanted": wanted,
            "state": state,
            "editors": ", ".join(each["name"] for each in config.editors) if config else "",
            "rows": compared(history.answering_now(), Answering(config)) if config and is_pending else [],
            "probe": failed.probe if failed else None,
            "is_involved": is_involved,
            "can_approve": may_decide and not is_involved,
            "can_reject": may_decide,
            "can_withdraw": is_pending and wanted.was_made_by(by) and self.has_activate_permission(request),
        }
