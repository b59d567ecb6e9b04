"""The list of generators and the form of one version."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import URLPattern
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from adminlists.lookups import NoHiddenLookups
from audit.object_history import HistoryFromTrail

from .. import publishing
from ..desk_errors import DeskError
from ..forms import GeneratorForm
from ..json_text import written
from ..models import Generator, State
from .stating import StatingPages
from .trying import TryingPages

_BADGES = {
    State.DRAFT: "badge-warn",
    State.CURRENT: "badge-ok",
    State.ACTIVE: "badge-info",
    State.RETIRED: "",
}
_FIELDS: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (None, ("name", "description")),
    (gettext_lazy("What clients send"), ("input_schema", "takes_messages", "max_input_chars")),
    (gettext_lazy("What the model is asked"), ("system_prompt", "prompt_template")),
    (
        gettext_lazy("What the answer has to be"),
        ("output_kind", "output_schema", "fence_language", "allows_partial", "max_output_chars"),
    ),
    (gettext_lazy("How the model answers"), ("max_tokens", "temperature")),
)
_SHOWN_AS_TEXT = ("description", "input_schema", "system_prompt", "prompt_template", "output_schema")
_DATES = ("created_at", "updated_at", "published_at")


class StateFilter(admin.SimpleListFilter):
    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(State.choices)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        published = queryset.exclude(published_at=None)
        kept = {
            State.DRAFT: queryset.filter(published_at=None),
            State.ACTIVE: published.filter(is_active=True, is_current=False),
            State.CURRENT: published.filter(is_current=True),
            State.RETIRED: published.filter(is_active=False),
        }
        return kept.get(self.value(), queryset)  # type: ignore[call-overload, no-any-return]


@admin.register(Generator)
class GeneratorAdmin(NoHiddenLookups, HistoryFromTrail, StatingPages, TryingPages):
    trail_kind = "generator"
    form = GeneratorForm
    list_display = (
        "public_name",
        "state_badge",
        "output_kind",
        "description_start",
        "published_at",
    )
    list_filter = (StateFilter, "output_kind")
    list_select_related = False
    search_fields = ("name", "description")
    ordering = ("name", "-version")
    readonly_fields = (*_DATES, "state_badge", *(f"shown_{name}" for name in _SHOWN_AS_TEXT))

    class Media:
        css = {"all": ("changeover/generators.css",)}
        js = ("changeover/event_stream.js", "changeover/tryout.js")

    def get_urls(self) -> list[URLPattern]:
        return [*self.stating_urls(), *super().get_urls()]

    # Who may what

    def has_change_permission(self, request: HttpRequest, obj: Generator | None = None) -> bool:
        """What is published is only read."""
        return super().has_change_permission(request, obj) and (obj is None or not obj.is_published)

    def has_delete_permission(self, request: HttpRequest, obj: Generator | None = None) -> bool:
        return super().has_delete_permission(request, obj) and (obj is None or not obj.is_published)

    # The list

    @admin.display(description=gettext_lazy("name"), ordering="name")
    def public_name(self, generator: Generator) -> str:
        return generator.public_name

    @admin.display(description=gettext_lazy("state"))
    def state_badge(self, generator: Generator) -> SafeString:
        return format_html(
            '<span class="badge {}">{}</span>', _BADGES[generator.state], generator.state.label
        )

    @admin.display(description=gettext_lazy("description"), empty_value="-")
    def description_start(self, generator: Generator) -> str:
        first, *rest = generator.description.splitlines() or [""]
        return f"{first[:100]}…" if rest or len(first) > 100 else first

    # The form

    def get_fieldsets(self, request: HttpRequest, obj: Generator | None = None) -> Any:
        """A version that is published, and one whose reader may not change it, is shown as text."""
        is_shown = obj is not None and not self.has_change_permission(request, obj)
        fieldsets = [(title, {"fields": _shown(names) if is_shown else names}) for title, names in _FIELDS]
        if obj is not None:
            fieldsets.append((_("State"), {"fields": ("state_badge", *_DATES)}))
        if not is_shown:
            fieldsets[0][1]["fields"] = (*fieldsets[0][1]["fields"], "seen")
        return fieldsets

    @admin.display(description=gettext_lazy("description"))
    def shown_description(self, generator: Generator) -> SafeString:
        return _as_text(generator.description)

    @admin.display(description=gettext_lazy("input schema"))
    def shown_input_schema(self, generator: Generator) -> SafeString:
        return _as_text(written(generator.input_schema))

    @admin.display(description=gettext_lazy("system prompt"))
    def shown_system_prompt(self, generator: Generator) -> SafeString:
        return _as_text(generator.system_prompt)

    @admin.display(description=gettext_lazy("prompt template"))
    def shown_prompt_template(self, generator: Generator) -> SafeString:
        return _as_text(generator.prompt_template)

    @admin.display(description=gettext_lazy("output schema"))
    def shown_output_schema(self, generator: Generator) -> SafeString:
        schema = generator.output_schema
        return _as_text("" if schema is None else written(schema))

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], **kwargs: Any) -> Any:  # type: ignore[override]
        generator: Generator | None = kwargs.get("obj")
        context |= {
            "can_publish": self.has_publish_permission(request),
            "can_draft": self.has_add_permission(request),
            "state": generator.state if generator else None,
            **self.panel(request, generator, context),
        }
        return super().render_change_form(request, context, **kwargs)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except DeskError as error:  # of a service, after the form was found valid; all is rolled back
            messages.error(request, str(error))
            return HttpResponseRedirect(request.path)

    def save_model(self, request: HttpRequest, obj: Generator, form: GeneratorForm, change: bool) -> None:
        if change:
            publishing.change(obj, seen=form.cleaned_data["seen"])
        else:
            publishing.create(obj)

    # Deleting, of drafts alone

    def get_deleted_objects(
        self, objs: Iterable[Generator], request: HttpRequest
    ) -> tuple[list[Any], dict[Any, Any], set[Any], list[Any]]:
        """Of a selection with published versions only these: the page says what to do with them."""
        if published := [str(each) for each in objs if each.is_published]:
            return [], {}, set(), published
        return super().get_deleted_objects(objs, request)  # type: ignore[arg-type]

    def delete_model(self, request: HttpRequest, obj: Generator) -> None:
        publishing.delete([obj])

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Generator]) -> None:
        publishing.delete(list(queryset))


def _shown(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"shown_{name}" if name in _SHOWN_AS_TEXT else name for name in names)


def _as_text(text: str) -> SafeString:
    return format_html('<pre class="code">{}</pre>', text) if text else SafeString("-")
