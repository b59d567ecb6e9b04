"""The administrator's list of language models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters

from audit.context import user_actor
from llmbackends.errors import BackendError, ConfigurationError

from . import activation, asking, describing, editing, wording
from .active import active_spec
from .errors import LLMConfigsError
from .forms import LLMConfigForm
from .models import LLMConfig
from .specs import model_of, spec_from_config

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[LLMConfig]
else:
    _ModelAdmin = admin.ModelAdmin


@admin.register(LLMConfig)
class LLMConfigAdmin(_ModelAdmin):
    form = LLMConfigForm
    list_display = ("is_active", "name", "provider_label", "model_label", "updated_at")
    list_display_links = ("name",)
    list_filter = ("is_active", "provider")
    list_select_related = False
    search_fields = ("name", "provider", "model_name", "endpoint_url")
    readonly_fields = ("is_active", "version", "created_at", "updated_at")
    actions = ("activate", "deactivate", "test_connection")
    fieldsets = (
        (None, {"fields": ("name", "provider", "model_name", "endpoint_url")}),
        (gettext_lazy("API key"), {"fields": ("api_key", "clear_api_key")}),
        (
            gettext_lazy("Settings"),
            {"fields": ("parameters", "client_parameters", "options", "timeout_seconds", "max_retries")},
        ),
        (gettext_lazy("State"), {"fields": readonly_fields}),
    )

    @admin.display(description=gettext_lazy("provider"), ordering="provider")
    def provider_label(self, config: LLMConfig) -> str:
        return describing.provider_label(config.provider)

    @admin.display(description=gettext_lazy("model"), ordering="model_name")
    def model_label(self, config: LLMConfig) -> str:
        return model_of(config)

    @method_decorator(sensitive_post_parameters("api_key"))
    def changeform_view(self, *args: Any, **kwargs: Any) -> Any:
        return super().changeform_view(*args, **kwargs)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return super().changelist_view(request, {"subtitle": _in_use(), **(extra_context or {})})

    def get_fieldsets(self, request: HttpRequest, obj: LLMConfig | None = None) -> Any:
        """Who may only look sees no box for clearing the key."""
        if obj is None or self.has_change_permission(request, obj):
            return self.fieldsets
        return [
            (title, {"fields": [name for name in options["fields"] if name != "clear_api_key"]})
            for title, options in self.fieldsets
        ]

    def save_model(self, request: HttpRequest, obj: LLMConfig, form: LLMConfigForm, change: bool) -> None:
        """Writes the form's fields alone: another administrator may be activating a row at this moment."""
        if not change:
            editing.create(obj, by=user_actor(request.user))
            return
        editing.change(obj, fields=LLMConfigForm.Meta.fields, by=user_actor(request.user))
        if obj.is_active:
            messages.info(request, _("This configuration is active: it answers as saved from now on."))

    def delete_model(self, request: HttpRequest, obj: LLMConfig) -> None:
        if editing.delete([obj], by=user_actor(request.user)):
            _warn_of_environment(request)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[LLMConfig]) -> None:
        if editing.delete(list(queryset), by=user_actor(request.user)):
            _warn_of_environment(request)

    @admin.action(description=gettext_lazy("Activate"), permissions=["change"])
    def activate(self, request: HttpRequest, queryset: QuerySet[LLMConfig]) -> None:
        selected = list(queryset)
        if len(selected) != 1:
            messages.error(request, _("Select exactly one configuration to activate."))
            return
        [config] = selected
        try:
            activation.activate(config, by=user_actor(request.user))
        except (ConfigurationError, LLMConfigsError) as error:
            messages.error(request, _name_and(config, wording.explain(error)))
        else:
            self.log_change(request, config, _("Activated."))
            text = _("%(name)s is active and answers every new request.")
            messages.success(request, text % {"name": config.name})

    @admin.action(description=gettext_lazy("Deactivate"), permissions=["change"])
    def deactivate(self, request: HttpRequest, queryset: QuerySet[LLMConfig]) -> None:
        deactivated = [
            config for config in queryset if activation.deactivate(config, by=user_actor(request.user))
        ]
        for config in deactivated:
            self.log_change(request, config, _("Deactivated."))
            _warn_of_environment(request)
        if not deactivated:
            messages.warning(request, _("None of the selected configurations was active."))

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


def _in_use() -> str:
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


def _warn_of_environment(request: HttpRequest) -> None:
    messages.warning(request, _("No configuration is active now. %(in_use)s") % {"in_use": _in_use()})


def _name_and(config: LLMConfig, text: str) -> str:
    return f"{config.name}: {text}"
