"""The form of a configuration, with a key that goes in and never comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.forms.fields import InvalidJSONInput
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from llmbackends.client_bounds import default_bounds
from llmbackends.errors import UnknownProvider
from llmbackends.registry import get_provider
from llmbackends.secret import Secret

from . import binding, describing
from .errors import EncryptionKeysMalformed, LLMConfigsError, SecretBoundElsewhere
from .models import LLMConfig
from .sealing import SealedSecret
from .wording import explain

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
    provider = forms.ChoiceField(label=gettext_lazy("Provider"), choices=describing.provider_choices)
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
        return cleaned

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
                _("What is sent where a request sets nothing itself, as a JSON object. Names:"),
                lambda provider: provider.parameters,
            ),
            "client_parameters": _(
                "What a request may set itself, each with its bounds; the rest of what it says is ignored. "
                'Such as {"max_tokens": {}, "temperature": {"minimum": 0, "maximum": 1}}.'
            ),
            "options": describing.with_allowed_names(
                _("The provider's own settings, as a JSON object. Names:"),
                lambda provider: provider.options,
            ),
        }


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
