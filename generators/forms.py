"""The form of a draft: judged as a whole when it is saved, and when it is tried out unsaved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from .checks import problems_of
from .definition import definition_of
from .json_text import read_json, written
from .models import Generator, prompt_input
from .recording import CONTENT_FIELDS, content_digest

if TYPE_CHECKING:
    _ModelForm = forms.ModelForm[Generator]
else:
    _ModelForm = forms.ModelForm


class JsonBox(forms.CharField):
    """A text area with a JSON value; empty is None. What was typed stays as it was typed."""

    def __init__(self, *, rows: int = 12, **kwargs: Any) -> None:
        widget = forms.Textarea(attrs={"rows": rows, "cols": 80, "class": "code", "spellcheck": "false"})
        super().__init__(widget=widget, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        if value is None or isinstance(value, str):
            return value or ""
        return written(value)

    def to_python(self, value: Any) -> Any:
        return read_json(value) if value and value.strip() else None

    def validate(self, value: Any) -> None:
        if value is None and self.required:
            raise ValidationError(self.error_messages["required"], code="required")

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(self.prepare_value(initial) != (data or ""))


class GeneratorForm(_ModelForm):
    """`seen`: which content the form was made from, so that nobody overwrites what somebody else has saved
    meanwhile."""

    input_schema = JsonBox(label=gettext_lazy("Input schema"), initial=prompt_input)
    output_schema = JsonBox(label=gettext_lazy("Output schema"), required=False)
    seen = forms.CharField(label="", required=False, widget=forms.HiddenInput)

    class Meta:
        model = Generator
        fields = ("name", *CONTENT_FIELDS)
        widgets = {
            "description": forms.Textarea(attrs={"rows": 3, "cols": 80}),
            "system_prompt": forms.Textarea(attrs={"rows": 6, "cols": 80, "class": "code"}),
            "prompt_template": forms.Textarea(
                attrs={"rows": 14, "cols": 80, "class": "code", "spellcheck": "false"}
            ),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is not None:
            self.initial["seen"] = content_digest(self.instance)
            self._field("name").disabled = True
        # The last line of a prompt may well end in a line break.
        for name in ("system_prompt", "prompt_template"):
            self._field(name).strip = False
        for name, help_text in _help_texts().items():
            self._field(name).help_text = help_text

    def clean_system_prompt(self) -> str:
        return _with_plain_lines(self.cleaned_data["system_prompt"])

    def clean_prompt_template(self) -> str:
        return _with_plain_lines(self.cleaned_data["prompt_template"])

    def _field(self, name: str) -> Any:
        """Which is not there where the row is only read."""
        return self.fields.get(name, forms.CharField())

    def _post_clean(self) -> None:
        """Once each field is valid for itself, what they say together. A name is not needed for that, nor for
        trying it out."""
        super()._post_clean()  # type: ignore[misc]
        if not self.errors.keys() - {"name"}:
            for problem in problems_of(definition_of(self.instance)):
                self.add_error(problem.field, problem.message)


def _with_plain_lines(text: str) -> str:
    """Browsers send CRLF."""
    return text.replace("\r\n", "\n")


def _help_texts() -> dict[str, str]:
    return {
        "name": _(
            "What clients call it, such as form. The version follows by itself: form-v1, form-v2 … A name "
            "that is there already gets its next version."
        ),
        "system_prompt": _("What the model is told before the prompt. It is no template. Empty: nothing."),
        "prompt_template": _(
            "The prompt, with places for the input: {{name}} or {{table.name}} for a value, "
            "{{#columns}} … {{/columns}} for each item of a list (or if there is a value), {{^columns}} … "
            "{{/columns}} if there is none, {{.}} for the item itself, {{! … }} for a comment."
        ),
        "input_schema": _(
            "A JSON Schema of an object: what clients have to send as input. What does not fit is refused "
            "before a model is asked."
        ),
        "takes_messages": _(
            "Clients may send a conversation in place of an input. The template is not used for it."
        ),
        "output_kind": _(
            "Text is passed on as it is. JSON has to be valid and to fit the output schema. A fenced block "
            "is taken out of the answer, as from ```html to ```."
        ),
        "output_schema": _(
            "A JSON Schema, for JSON only. Empty: any JSON. Models write the properties in its order."
        ),
        "fence_language": _("For a fenced block only: the word after ```, such as html or tsx."),
        "allows_partial": _(
            "An answer that does not fit, after a second and stricter try, is passed on with a warning. "
            "Otherwise the job fails with output_invalid."
        ),
        "max_input_chars": _("A longer input is refused."),
        "max_output_chars": _("A longer answer does not fit."),
    }
