"""What the list knows of each row beside the row: one query for each kind of thing, not for each row."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from .. import selectors, uses, wording
from ..models import HealthNote, LLMConfig
from ..uses import Use


@dataclass(frozen=True, slots=True)
class RowFacts:
    health: HealthNote | None = None
    use: Use | None = None


def facts_of(configs: Iterable[LLMConfig]) -> dict[int, RowFacts]:
    ids = [config.pk for config in configs]
    today = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    healths, used = selectors.health_of(ids), uses.uses_of_configs(ids, since=today)
    return {pk: RowFacts(healths.get(pk), used.get(pk)) for pk in ids}


def shown_health(note: HealthNote | None) -> str | SafeString:
    if note is None:
        return "-"
    badge, word = ("badge-ok", _("Healthy")) if note.is_healthy else ("badge-bad", _("Not healthy"))
    html = '<span class="badge {}" title="{}">{}</span> <span class="quiet small nowrap">{}</span>'
    return format_html(html, badge, wording.say(note.detail)[:300], word, ago(note.checked_at))


def shown_last_use(use: Use | None) -> str:
    return ago(use.last_used_at) if use and use.last_used_at else "-"


def shown_requests(use: Use | None) -> str:
    if use is None:
        return "-"
    more = ngettext("more than %(count)d", "more than %(count)d", use.requests)
    return more % {"count": use.requests} if use.has_more else str(use.requests)


def shown_change(config: LLMConfig) -> str:
    when = ago(config.updated_at)
    return f"{when}, {config.edited_by_name}" if config.edited_by_name else when


def ago(moment: object) -> str:
    return _("%(time)s ago") % {"time": timesince(moment, depth=1)}  # type: ignore[arg-type]
