"""The list of language models and the form of one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.utils import flatten_fieldsets
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import URLPattern
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters

from adminlists.lookups import NoHiddenLookups
from audit.context import user_actor
from audit.object_history import HistoryFromTrail
from llmbackends.errors import BackendError
from llmbackends.registry import providers

from .. import asking, describing, editing, schema_fields, selectors, wording
from ..errors import LLMConfigsError
from ..forms import LLMConfigForm
from ..models import LLMConfig
from ..specs import model_of, spec_from_config
from . import columns
from .base import DeskPages, in_use, warn_of_environment
from .columns import RowFacts
from .requesting import RequestingPages
from .switching import SwitchingPages
from .trying import TryingPages

_STATE = ("is_active", "version", "edited_by_name", "created_at", "updated_at")


@admin.register(LLMConfig)
class LLMConfigAdmin(
    NoHiddenLookups, HistoryFromTrail, SwitchingPages, RequestingPages, TryingPages, DeskPages
):
    trail_kind = "llmconfig"
    form = LLMConfigForm
    list_display = (
        "is_active", "name", "provider_label", "model_label", "health", "last_used", "requests_today",
        "last_changed",
    )  # fmt: skip
    list_display_links = ("name",)
    list_filter = ("is_active", "provider")
    list_select_related = False
    search_fields = ("name", "provider", "model_name", "endpoint_url")
    hidden_columns = ("api_key",)
    readonly_fields = _STATE
    actions = ("activate", "deactivate", "test_connection")

    class Media:
        css = {"all": ("changeover/llmconfigs.css",)}
        js = ("changeover/llmconfig_form.js",)

    def get_urls(self) -> list[URLPattern]:
        return [*self.switching_urls(), *self.requesting_urls(), *self.trying_urls(), *super().get_urls()]

    # Who may what

    def has_change_permission(self, request: HttpRequest, obj: LLMConfig | None = None) -> bool:
        """What answers is changed by who may activate alone, and not at all under the two-person rule."""
        if not super().has_change_permission(request, obj):
            return False
        return obj is None or not obj.is_active or self._may_touch_active(request)

    def has_delete_permission(self, request: HttpRequest, obj: LLMConfig | None = None) -> bool:
        """To delete what is active is to deactivate it."""
        if not super().has_delete_permission(request, obj):
            return False
        return obj is None or not obj.is_active or self.has_activate_permission(request)

    def _may_touch_active(self, request: HttpRequest) -> bool:
        return self.has_activate_permission(request) and not settings.ACTIVATION_NEEDS_TWO

    # The list

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)
        facts = columns.facts_of(changelist.result_list)
        for config in changelist.result_list:
            config.facts = facts[config.pk]
        return changelist

    @admin.display(description=gettext_lazy("provider"), ordering="provider")
    def provider_label(self, config: LLMConfig) -> str:
        return describing.provider_label(config.provider)

    @admin.display(description=gettext_lazy("model"), ordering="model_name")
    def model_label(self, config: LLMConfig) -> str:
        return model_of(config)

    @admin.display(description=gettext_lazy("health"))
    def health(self, config: LLMConfig) -> str:
        return columns.shown_health(_facts(config).health)

    @admin.display(description=gettext_lazy("last used"))
    def last_used(self, config: LLMConfig) -> str:
        return columns.shown_last_use(_facts(config).use)

    @admin.display(description=gettext_lazy("requests today"))
    def requests_today(self, config: LLMConfig) -> str:
        return columns.shown_requests(_facts(config).use)

    @admin.display(description=gettext_lazy("last changed"), ordering="updated_at")
    def last_changed(self, config: LLMConfig) -> str:
        return columns.shown_change(config)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        context = {
            "subtitle": in_use(),
            "pending": len(selectors.pending_requests()),
            "can_roll_back": self.has_activate_permission(request),
            "needs_two": settings.ACTIVATION_NEEDS_TWO,
        }
        return super().changelist_view(request, context | (extra_context or {}))

    @admin.action(description=gettext_lazy("Activate"), permissions=["activate"])
    def activate(self, request: HttpRequest, queryset: QuerySet[LLMConfig]) -> Any:
        selected = list(queryset)
        if len(selected) != 1:
            messages.error(request, _("Select exactly one configuration to activate."))
            return None
        return HttpResponseRedirect(self.url("activate", selected[0].pk))

    @admin.action(description=gettext_lazy("Deactivate"), permissions=["activate"])
    def deactivate(self, request: HttpRequest, queryset: QuerySet[LLMConfig]) -> Any:
        active = queryset.filter(is_active=True).first()
        if active is None:
            messages.warning(request, _("None of the selected configurations was active."))
            return None
        return HttpResponseRedirect(self.url("deactivate", active.pk))

    @admin.action(description=gettext_lazy("Test connection"), permissions=["change"])
    def test_connection(self, request: HttpRequest, queryset: QuerySet[LLMConfig]) -> None:
        for config in queryset:
            try:
                probe = asking.probe(spec_from_config(config), config=config, is_stored=True)
            except (BackendError, LLMConfigsError) as error:
                messages.error(request, _name_and(config, wording.explain(error)))
                continue
            if probe.failure is not None:
                messages.error(request, _name_and(config, probe.failure.reason))
            else:
                text = _("The connection works (%(seconds).2f s). %(detail)s")
                values = {"seconds": probe.check_s, "detail": wording.say(probe.detail)}
                messages.success(request, _name_and(config, text % values))

    # The form

    def get_fieldsets(self, request: HttpRequest, obj: LLMConfig | None = None) -> Any:
        """Who may only look sees the JSON as it is stored, and no box for clearing the key."""
        is_viewer = obj is not None and not self.has_change_permission(request, obj)
        key = ("api_key",) if is_viewer else ("api_key", "clear_api_key")
        limits = ("timeout_seconds", "max_retries")
        boxes = ("parameters", "client_parameters", "options")
        fieldsets: list[Any] = [
            (None, {"fields": ("name", "provider", "model_name", "endpoint_url")}),
            (gettext_lazy("API key"), {"fields": key, "classes": ["takes-key"]}),
        ]
        if is_viewer:
            fieldsets.append((gettext_lazy("Settings"), {"fields": (*boxes, *limits)}))
        else:
            fieldsets += _fieldsets_of_schemas()
            fieldsets += [
                (gettext_lazy("Time and retries"), {"fields": limits}),
                (gettext_lazy("Advanced"), {"fields": boxes, "classes": ["collapse"]}),
            ]
        return [*fieldsets, (gettext_lazy("State"), {"fields": _STATE})] if obj else fieldsets

    def get_form(
        self, request: HttpRequest, obj: LLMConfig | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        """The fields of the schemas are the form's own business: no model and no class knows them."""
        known = {*LLMConfigForm.Meta.fields, "clear_api_key", *_STATE}
        fields = kwargs.get("fields") or flatten_fieldsets(self.get_fieldsets(request, obj))
        kwargs["fields"] = [name for name in fields if name in known]
        return super().get_form(request, obj, change, **kwargs)

    @method_decorator(sensitive_post_parameters("api_key"))
    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except LLMConfigsError as error:  # of a service, after the form was found valid; all is rolled back
            messages.error(request, wording.explain(error))
            return HttpResponseRedirect(request.path)

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], **kwargs: Any) -> Any:  # type: ignore[override]
        config: LLMConfig | None = kwargs.get("obj")
        may_edit = self.has_change_permission(request, config) if config else True
        arguments = (config.pk,) if config else ()
        name = "try" if config else "try_new"
        context |= {
            "try_urls": {what: self.url(name, *arguments, what) for what in ("test", "models")},
            "can_try": may_edit,
            "can_activate": self.has_activate_permission(request),
            "can_clone": self.has_add_permission(request),
            "needs_two": settings.ACTIVATION_NEEDS_TWO,
            "is_locked": config is not None and config.is_active and not self._may_touch_active(request),
            "pending_request": selectors.pending_request_for(config.pk) if config else None,
        }
        return super().render_change_form(request, context, **kwargs)

    def save_model(self, request: HttpRequest, obj: LLMConfig, form: LLMConfigForm, change: bool) -> None:
        """Writes the form's fields alone: another administrator may be activating a row at this moment."""
        by = user_actor(request.user)
        if not change:
            editing.create(obj, by=by)
            return
        editing.change(obj, fields=LLMConfigForm.Meta.fields, by=by)
        if obj.is_active:
            messages.info(request, _("This configuration is active: it answers as saved from now on."))

    def delete_model(self, request: HttpRequest, obj: LLMConfig) -> None:
        if editing.delete([obj], by=user_actor(request.user)):
            warn_of_environment(request)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[LLMConfig]) -> None:
        configs = list(queryset)
        if not all(self.has_delete_permission(request, config) for config in configs):
            raise PermissionDenied
        if editing.delete(configs, by=user_actor(request.user)):
            warn_of_environment(request)


def _fieldsets_of_schemas() -> Sequence[Any]:
    """Without a script all are there, with their provider's name; llmconfig_form.js shows what applies."""
    parameters = [field.name for field in schema_fields.parameter_fields()]
    found: list[Any] = []
    for provider in providers():
        if fields := [field.name for field in schema_fields.option_fields(provider)]:
            title = _("Settings of %(provider)s") % {"provider": _(provider.label)}
            found.append((title, {"fields": fields, "classes": ["of-provider"]}))
    return [*found, (_("What the model is sent"), {"fields": parameters})]


def _facts(config: Any) -> RowFacts:
    return getattr(config, "facts", RowFacts())


def _name_and(config: LLMConfig, text: str) -> str:
    return f"{config.name}: {text}"
