"""What a person wants to try: the form as it was entered, or the version that is published, and an input."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext as _

from generation.errors import InvalidRequest
from generation.requests import validate_storable
from generators import inputs
from generators.admin import GeneratorAdmin
from generators.asking import Given, prompt_of
from generators.definition import Definition, definition_of
from generators.errors import GeneratorError
from generators.json_text import read_json
from generators.models import Generator
from llmconfigs import wording

_MOST_DIGITS = 18
_NEEDLESS = {"name", "seen"}

Errors = tuple[tuple[str, str], ...]
"""Each with the label of its field, "" if it has none."""


@dataclass(frozen=True, slots=True)
class Entered:
    """`generator`: the row as it is stored, None for a new one. `form`: with what was entered, if the row can
    be changed, and with what it says if not. `definition` and `given` are None if there are errors."""

    generator: Generator | None
    form: Any
    sample: str
    errors: Errors = ()
    definition: Definition | None = None
    given: Given | None = None


class Gone(Exception):
    """The row is not there."""


def read(request: HttpRequest) -> Entered:
    """Raises Gone."""
    pages, generator = generator_admin(), _generator(request.POST.get("generator", ""))
    is_read = generator is not None and generator.is_published
    form_class = pages.get_form(request, generator, change=generator is not None)
    sample = request.POST.get("sample", "").replace("\r\n", "\n")
    if is_read:
        form, row = form_class(instance=generator), generator
    else:
        row = Generator.objects.get(pk=generator.pk) if generator else Generator()
        form = form_class(request.POST, instance=row)
    errors = () if is_read else tuple(_errors_of(form))
    if errors:
        return Entered(generator, form, sample, errors)
    assert row is not None
    definition = definition_of(row)
    try:
        given = _given(definition, sample)
    except ValidationError as error:
        return Entered(generator, form, sample, ((_("Input"), error.messages[0]),))
    return Entered(generator, form, sample, definition=definition, given=given)


def generator_admin() -> GeneratorAdmin:
    pages = admin.site.get_model_admin(Generator)
    assert isinstance(pages, GeneratorAdmin)
    return pages


def _generator(number: str) -> Generator | None:
    if not number:
        return None
    is_number = number.isascii() and number.isdecimal() and len(number) <= _MOST_DIGITS
    found = Generator.objects.filter(pk=int(number)).first() if is_number else None
    if found is None:
        raise Gone
    return found


def _errors_of(form: Any) -> Iterator[tuple[str, str]]:
    for name, errors in form.errors.items():
        if name not in _NEEDLESS:
            label = str(form.fields[name].label or name) if name in form.fields else ""
            yield from ((label, str(error)) for error in errors)


def _given(definition: Definition, sample: str) -> Given:
    """Raises ValidationError."""
    value = read_json(sample)
    if not isinstance(value, dict):
        raise ValidationError(_("An input is a JSON object."))
    try:
        validate_storable(value, param="input")
        inputs.check(definition, value)
        given = Given(input=value)
        prompt_of(definition, given)
    except (InvalidRequest, GeneratorError) as error:
        raise ValidationError(wording.say(error.message)) from error
    return given
