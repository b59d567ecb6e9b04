"""The form of a configuration, with a key that goes in and never comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms.fields import InvalidJSONInput
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from llmbackends.client_bounds import default_bounds
from llmbackends.errors import UnknownProvider
from llmbackends.registry import get_provider
from llmbackends.secret import Secret
from llmbackends.validation import schema_problems

from . import binding, describing, schema_fields
from .errors import EncryptionKeysMalformed, LLMConfigsError, SecretBoundElsewhere
from .models import LLMConfig
from .schema_fields import SchemaField
from .sealing import SealedSecret
from .widgets import ProviderSelect
from .wording import explain, translate

if TYPE_CHECKING:
    _ModelForm = forms.ModelForm[LLMConfig]
else:
    _ModelForm = forms.ModelForm


class WriteOnlyField(forms.CharField):
    """Never shows its value; what was entered becomes a Secret, and empty means unchanged."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.PasswordInput(render_value=False, attrs={"autocomplete": "new-password", "size": 60})
        super().__init__(required=False, widget=widget, **kwargs)

    def clean(self, value: Any) -> Secret:
        return Secret(super().clean(value))

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(data)


class ObjectField(forms.JSONField):
    """JSON, of which an empty box is the empty object. That it is an object is asked by validation.py."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, widget=forms.Textarea(attrs={"rows": 6, "cols": 60}), **kwargs)

    def clean(self, value: Any) -> Any:
        cleaned = super().clean(value)
        return {} if cleaned is None else cleaned

    def bound_data(self, data: Any, initial: Any) -> Any:
        """As it was typed: written anew, a lone surrogate would not go into the page."""
        return initial if self.disabled else InvalidJSONInput(data or "")


class LLMConfigForm(_ModelForm):
    """Besides the row's own fields it has one for each simple option and parameter (schema_fields.py), which
    win a place in the row's JSON if the chosen provider takes them."""

    provider = forms.ChoiceField(
        label=gettext_lazy("Provider"), choices=describing.provider_choices, widget=ProviderSelect
    )
    api_key = WriteOnlyField(label=gettext_lazy("API key"))
    parameters = ObjectField(label=gettext_lazy("Parameters"), initial=dict)
    client_parameters = ObjectField(
        label=gettext_lazy("Parameters that clients may set"), initial=default_bounds
    )
    options = ObjectField(label=gettext_lazy("Provider options"), initial=dict)
    clear_api_key = forms.BooleanField(label=gettext_lazy("Clear the stored API key"), required=False)

    class Meta:
        model = LLMConfig
        fields = (
            "name", "provider", "model_name", "endpoint_url", "api_key", "parameters", "client_parameters",
            "options", "timeout_seconds", "max_retries",
        )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is not None and "provider" in self.fields:
            self._show_stored_provider()
        if "model_name" in self.fields:
            self.fields["model_name"].widget.attrs["list"] = "known-models"
        if self.instance.api_key and "api_key" in self.fields:
            self.fields["api_key"].widget.attrs["data-stored"] = "yes"
        self._schema_fields = schema_fields.all_fields() if "provider" in self.fields else []
        self._add_schema_fields()
        for name, text in self._help_texts().items():
            if name in self.fields:
                self.fields[name].help_text = text

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or self.cleaned_data
        entered, clear = cleaned.get("api_key"), cleaned.get("clear_api_key")
        if entered:
            self._seal_key(cleaned, entered)
        if entered and clear:
            self.add_error("clear_api_key", _("Either enter a new API key or clear the stored one."))
        elif clear:
            cleaned["api_key"] = SealedSecret()
        elif not entered:
            self._keep_key(cleaned)
        for box in ("parameters", "options"):
            self._gather(box, cleaned)
        return cleaned

    def _add_schema_fields(self) -> None:
        for field in self._schema_fields:
            self.fields[field.name] = field.form_field()
        of_provider = schema_fields.fields_for(self.initial.get("provider", ""), self._schema_fields)
        for box in ("parameters", "options"):
            if box in self.initial:
                fields = [field for field in of_provider if field.box == box]
                shown, self.initial[box] = schema_fields.take_out(self.initial[box], fields)
                self.initial.update(shown)

    def _gather(self, box: str, cleaned: dict[str, Any]) -> None:
        """Puts what was entered in fields of the chosen provider into the row's JSON."""
        if not isinstance(cleaned.get(box), dict):
            return
        gathered = dict(cleaned[box])
        for field in schema_fields.fields_for(cleaned.get("provider", ""), self._schema_fields):
            if field.box == box:
                self._gather_one(field, cleaned.get(field.name), gathered)
        cleaned[box] = gathered

    def _gather_one(self, field: SchemaField, value: Any, gathered: dict[str, Any]) -> None:
        if value is None or value == "":
            if field.is_required and field.key not in gathered and field.name not in self.errors:
                self.add_error(field.name, self.fields[field.name].error_messages["required"])
            return
        if field.key in gathered:
            self.add_error(field.name, _("This is in the JSON below too. Leave one of both empty."))
            return
        schema = get_provider(self.cleaned_data["provider"])
        bounds = getattr(schema, field.box)["properties"][field.key]
        problems = schema_problems({field.key: value}, {"properties": {field.key: bounds}})
        if problems:
            self.add_error(field.name, [translate(problem) for problem in problems])
        else:
            gathered[field.key] = value

    def _update_errors(self, errors: ValidationError) -> None:
        """What a field of its own complains of is not said again of the JSON."""
        for box in ("parameters", "options"):
            if any(field.box == box and field.name in self.errors for field in self._schema_fields):
                errors.error_dict.pop(box, None)
        super()._update_errors(errors)  # type: ignore[misc]

    def _seal_key(self, cleaned: dict[str, Any], entered: Secret) -> None:
        try:
            cleaned["api_key"] = SealedSecret.seal(entered)
        except EncryptionKeysMalformed as error:
            self.add_error("api_key", explain(error))

    def _keep_key(self, cleaned: dict[str, Any]) -> None:
        provider, endpoint_url = cleaned.get("provider", ""), cleaned.get("endpoint_url", "")
        try:
            cleaned["api_key"] = binding.kept_key(self.instance, provider=provider, endpoint_url=endpoint_url)
        except SecretBoundElsewhere as error:
            self.add_error("api_key", explain(error))

    def _show_stored_provider(self) -> None:
        """An alias as the provider it means; a provider that is gone as what it is."""
        stored = self.instance.provider
        try:
            self.initial["provider"] = get_provider(stored).id
        except UnknownProvider:
            field = self.fields["provider"]
            assert isinstance(field, forms.ChoiceField)
            field.choices = [*describing.provider_choices(), (stored, describing.provider_label(stored))]

    def _help_texts(self) -> dict[str, str]:
        return {
            "model_name": _("Empty: the provider's default."),
            "endpoint_url": _("Empty: the provider's default. No key, user name or password in it."),
            "api_key": _key_help(self.instance.api_key),
            "parameters": describing.with_allowed_names(
                _("What else is sent where a request sets nothing itself, as a JSON object. Names:"),
                lambda provider: provider.parameters,
            ),
            "client_parameters": _(
                "What a request may set itself, each with its bounds; the rest of what it says is ignored. "
                'Such as {"max_tokens": {}, "temperature": {"minimum": 0, "maximum": 1}}.'
            ),
            "options": describing.with_allowed_names(
                _("What else the provider is told, as a JSON object. Names:"),
                lambda provider: provider.options,
            ),
        }


class CloneForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("Name of the copy"), max_length=100)

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if LLMConfig.objects.filter(name=name).exists():
            raise ValidationError(_("There is a configuration with this name already."))
        return name


def _key_help(stored: SealedSecret) -> str:
    if not stored:
        return _("Not set. It is stored encrypted and never shown again.")
    try:
        hint = stored.hint
    except LLMConfigsError:
        return _(
            "Set, but it cannot be decrypted: FIELD_ENCRYPTION_KEYS lacks the key it was written with. Enter "
            "it again or clear it."
        )
    if hint:
        return _("Set, ends …%(hint)s. Leave empty to keep it.") % {"hint": hint}
    return _("Set. Leave empty to keep it.")
