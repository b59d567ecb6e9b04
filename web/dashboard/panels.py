"""What the start page shows, each part to those alone who may see it where it comes from."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from audit.models import AuditEvent
from epochs.selectors import RunningProcess, running_processes
from generation.models import GenerationJob
from generation.queue.load import QueueState, jobs_in_progress, queue_state
from llmbackends.errors import BackendError
from llmconfigs import describing, wording
from llmconfigs.active import active_spec
from llmconfigs.models import ActivationRequest
from usage.recent import HourSums, Sums, total
from webhooks.models import WebhookEndpoint

from .charts import Chart, Frame, Series, bar_chart, line_chart
from .health import identity
from .notices import OpenBreaker, open_breakers_for, requests_for, stopped_webhooks_for
from .numbers import number_text, seconds_text
from .usage_now import HOURS, usage_now

MOST_JOBS = 5
MOST_CHANGES = 8


@dataclass(frozen=True, slots=True)
class ActivePanel:
    """`problem`: why nothing can answer; then the rest is empty. `config_id` is None for the environment.

    `of`: a word for this version of it, fit for an HTML id.
    """

    problem: str = ""
    of: str = ""
    config_id: int | None = None
    name: str = ""
    provider: str = ""
    model: str = ""
    endpoint: str = ""


@dataclass(frozen=True, slots=True)
class UsagePanel:
    sums: Sums
    median: str
    slowest: str
    failed_share: str
    charts: tuple[Chart, ...]


@dataclass(frozen=True, slots=True)
class QueuePanel:
    state: QueueState
    jobs: list[GenerationJob]


@dataclass(frozen=True, slots=True)
class ProcessesPanel:
    running: list[RunningProcess]

    @property
    def behind(self) -> int:
        return sum(not process.has_converged for process in self.running)


@dataclass(frozen=True, slots=True)
class Desk:
    """None: not for this person. What notices.py knows is empty then, and where there is nothing."""

    breakers: list[OpenBreaker] = field(default_factory=list)
    requests: list[ActivationRequest] = field(default_factory=list)
    webhooks: list[WebhookEndpoint] = field(default_factory=list)
    active: ActivePanel | None = None
    usage: UsagePanel | None = None
    queue: QueuePanel | None = None
    processes: ProcessesPanel | None = None
    changes: list[AuditEvent] | None = None
    now: datetime = field(default_factory=timezone.now)


def desk_of(user: Any) -> Desk:
    now = timezone.now()
    return Desk(
        breakers=open_breakers_for(user, now),
        requests=requests_for(user),
        webhooks=stopped_webhooks_for(user),
        active=_active() if user.has_perm("llmconfigs.view_llmconfig") else None,
        usage=_usage(now) if user.has_perm("usage.view_usagerecord") else None,
        queue=_queue() if user.has_perm("generation.view_generationjob") else None,
        processes=_processes() if user.has_perm("epochs.view_process") else None,
        changes=_changes() if user.has_perm("audit.view_auditevent") else None,
        now=now,
    )


def _active() -> ActivePanel:
    try:
        active = active_spec()
    except BackendError as error:
        return ActivePanel(problem=wording.explain(error))
    return ActivePanel(
        of=identity(active),
        config_id=active.config_id,
        name=active.config_name,
        provider=describing.provider_label(active.spec.provider),
        model=active.spec.model,
        endpoint=active.spec.endpoint_url,
    )


def _queue() -> QueuePanel:
    state = queue_state()
    return QueuePanel(state, jobs_in_progress(MOST_JOBS) if state.in_progress else [])


def _processes() -> ProcessesPanel:
    return ProcessesPanel(running_processes())


def _changes() -> list[AuditEvent]:
    return list(AuditEvent.objects.order_by("-number")[:MOST_CHANGES])


def _usage(now: datetime) -> UsagePanel:
    hours = usage_now.hours(now)
    sums = total(hours)
    return UsagePanel(
        sums=sums,
        median=seconds_text(sums.duration_s(0.5)),
        slowest=seconds_text(sums.duration_s(0.95)),
        failed_share=_share(sums.failed, sums.requests),
        charts=(_requests_chart(hours), _durations_chart(hours), _tokens_chart(hours)),
    )


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "—"


def _requests_chart(hours: list[HourSums]) -> Chart:
    sums = total(hours)
    description = _("%(requests)s requests in %(hours)s hours, of which %(failed)s failed.") % {
        "requests": number_text(sums.requests),
        "hours": HOURS,
        "failed": number_text(sums.failed),
    }
    series = [
        Series(_("Answered"), "series-main", [hour.sums.answered for hour in hours]),
        Series(_("Refused"), "series-warn", [hour.sums.refused for hour in hours]),
        Series(_("Failed"), "series-bad", [hour.sums.failed for hour in hours]),
    ]
    return bar_chart(_frame("requests", _("Requests per hour"), description, hours, number_text), series)


def _durations_chart(hours: list[HourSums]) -> Chart:
    sums = total(hours)
    description = _("Half of the completed requests took less than %(median)s, 95 %% less than %(slowest)s.")
    values = {
        "median": seconds_text(sums.duration_s(0.5)),
        "slowest": seconds_text(sums.duration_s(0.95)),
    }
    series = [
        Series(_("Median"), "series-main", [hour.sums.duration_s(0.5) for hour in hours]),
        Series(_("95th percentile"), "series-second", [hour.sums.duration_s(0.95) for hour in hours]),
    ]
    frame = _frame("durations", _("Duration of a request"), description % values, hours, seconds_text)
    return line_chart(frame, series)


def _tokens_chart(hours: list[HourSums]) -> Chart:
    sums = total(hours)
    description = _("%(prompt)s tokens of prompts and %(completion)s tokens of answers.") % {
        "prompt": number_text(sums.prompt_tokens),
        "completion": number_text(sums.completion_tokens),
    }
    series = [
        Series(_("Answers"), "series-main", [hour.sums.completion_tokens for hour in hours]),
        Series(_("Prompts"), "series-second", [hour.sums.prompt_tokens for hour in hours]),
    ]
    return bar_chart(_frame("tokens", _("Tokens per hour"), description, hours, number_text), series)


def _frame(name: str, title: str, description: str, hours: list[HourSums], show: Any) -> Frame:
    labels = [date_format(timezone.localtime(hour.began), "H:i") for hour in hours]
    return Frame(f"chart-{name}", title, description, labels, show)
