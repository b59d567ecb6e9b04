"""Every text that a module shows can be translated, into the language of who reads it."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django import forms
from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.db import models
from django.utils.functional import Promise

from .python_texts import translated_at_import, unmarked

ROOT = Path(settings.BASE_DIR)
PACKAGES = (
    "config", "web", "generation", "generators", "usage", "apikeys", "llmconfigs", "accounts", "audit",
    "epochs", "adminlists", "webhooks", "llmbackends",
)  # fmt: skip
NAMES = frozenset(["Changeover", "Anthropic", "Groq", "Ollama", "OpenAI", "OpenRouter", "vLLM"])
# Of no page.
UNSHOWN = {"webhooks.WebhookDelivery.lease_owner", "webhooks.WebhookDelivery.lease_expires_at"}
# English by contract: a client of the API reads them, a model, or an operator in a log or in a job's failure.
ENGLISH = frozenset(
    [
        "audit/__main__.py",
        "audit/exports.py",
        "audit/triggers.py",
        "audit/verification.py",
        "generation/errors.py",
        "generation/following/watching.py",
        "generators/asking.py",
        "generators/triggers.py",
        "llmconfigs/environment.py",
        "webhooks/errors.py",
        "webhooks/policy.py",
    ]
)


def modules() -> list[str]:
    paths = (path.relative_to(ROOT) for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    return sorted(str(path) for path in paths if not {"migrations", "management"} & set(path.parts))


@pytest.mark.parametrize("module", [each for each in modules() if each not in ENGLISH])
def test_module_has_all_its_texts_marked(module: str) -> None:
    found = unmarked((ROOT / module).read_text(encoding="utf-8"))

    assert [f"line {each.line}: {each.text}" for each in found if each.text not in NAMES] == []


@pytest.mark.parametrize("module", modules())
def test_module_translates_nothing_when_it_is_imported(module: str) -> None:
    found = translated_at_import((ROOT / module).read_text(encoding="utf-8"))

    assert [f"line {each.line}: {each.text}" for each in found] == []


def test_models_in_the_admin_have_translated_names() -> None:
    """Where none is given, Django makes one from the English name in the source."""
    names = {
        f"{model._meta.label}.{field.name}": field.verbose_name
        for model in _models_in_the_admin()
        for field in model._meta.fields
        if not field.primary_key
    }
    for model in _models_in_the_admin():
        names[f"{model._meta.label} (one)"] = model._meta.verbose_name
        names[f"{model._meta.label} (many)"] = model._meta.verbose_name_plural

    unnamed = {name for name, text in names.items() if not isinstance(text, Promise)}
    assert unnamed == UNSHOWN


def test_apps_have_translated_names() -> None:
    shown = {model._meta.app_label for model in _models_in_the_admin()}

    assert [each for each in shown if not isinstance(apps.get_app_config(each).verbose_name, Promise)] == []


def test_forms_have_translated_labels() -> None:
    unlabelled = [
        f"{form.__module__}.{form.__qualname__}.{name}"
        for form in _forms()
        for name, field in form.base_fields.items()
        if not isinstance(field.label, Promise) and not isinstance(field.widget, forms.HiddenInput)
    ]

    assert unlabelled == []


def _models_in_the_admin() -> list[type[models.Model]]:
    return [model for model in admin.site._registry if model._meta.app_label in PACKAGES]


def _forms() -> Iterator[Any]:
    for module in modules():
        if "forms" in module or "admin" in module:
            importlib.import_module(module.removesuffix(".py").replace("/", "."))
    pending = [forms.BaseForm]
    while pending:
        for form in pending.pop().__subclasses__():
            pending.append(form)
            if form.__module__.partition(".")[0] in PACKAGES and hasattr(form, "base_fields"):
                yield form


MARKED = "from django.utils.translation import gettext as _, gettext_lazy, gettext_noop\n"


@pytest.mark.parametrize(
    "source",
    [
        'name = models.CharField("name", max_length=9)',
        'name = models.CharField(_("name"), help_text="Any name.")',
        'class Meta:\n    verbose_name = "job"',
        'class Colour(models.TextChoices):\n    RED = "red", "Red"',
        'class Colour(models.TextChoices):\n    RED = "red"',
        '@admin.display(description="colour")\ndef f(self): ...',
        "def f(self): ...\nf.short_description = 'colour'",
        'messages.info(request, "Saved")',
        'messages.info(request, f"{name} saved")',
        'messages.info(request, "%s saved" % name)',
        'messages.info(request, "{} saved".format(name))',
        'self.message_user(request, "Saved" if done else _("Not saved"))',
        'form.add_error(None, "wrong")',
        'raise ValidationError({"name": "wrong"})',
        'raise PermissionDenied("You may not.")',
        'fieldsets = ((None, {"fields": ()}), ("More", {"fields": ("a",)}))',
        'def lookups(self, request, model_admin):\n    return [("a", "Colour")]',
        'field = forms.ChoiceField(label=_("a"), choices=[("a", "Colour")])',
        'return render(request, "a.html", {"title": "Jobs"})',
        'return format_html("<b>Colour</b>: {}", colour)',
        'return text or "There is nothing here."',
        'return _(f"{name} is saved.")',
        'return _("%s is saved." % name)',
        'raise BadAnswer("The answer is none.")',
        'raise BackendFailed(f"llama.cpp failed: {error}")',
        'raise InvalidInput(f"The field {name} is missing.", param=name)',
        'return Misfit("empty")',
        'return Fault(path, "is missing")',
        'return Sentence("%(count)s jobs", count=2)',
        'JobAttempt(reason="lost")',
        'row.update(failure_detail=f"{lost} workers went away")',
        'return gettext_lazy("one" + "two")',
        "from django.utils.translation import gettext as text_of",
    ],
)
def test_unmarked_finds_a_text(source: str) -> None:
    assert unmarked(MARKED + source)


@pytest.mark.parametrize(
    "source",
    [
        '"""The module."""\n\ndef f():\n    """The function."""',
        'name = models.CharField(_("name"), max_length=9, default="red")',
        'owner = models.ForeignKey("auth.User", verbose_name=_("owner"))',
        'class Colour(models.TextChoices):\n    RED = "red", _("Red")',
        'messages.info(request, _("%(name)s is saved.") % {"name": "red"})',
        'log.info("job_cancelled", because="The client left.")',
        'raise TypeError("Assign a Secret.")',
        'assert wire, "The wire is set."',
        'return format_html("<pre>{}</pre>&nbsp;", text)',
        'return render(request, "a.html", {"title": _("Jobs"), "status": "red"})',
        "return _(provider.label)",
        'raise BadAnswer(Sentence(gettext_noop("The answer is none.")))',
        'return Sentence("%(first)s %(other)s", first=a, other=b)',
        "return Fault(path, _MISSING)",
        'fieldsets = ((None, {"fields": ()}), (gettext_lazy("More"), {"fields": ("a",)}))',
    ],
)
def test_unmarked_finds_nothing_in_what_is_translated(source: str) -> None:
    assert unmarked(MARKED + source) == []


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ('TEXT = _("a")', 1),
        ('TEXT = gettext_lazy("a")', 0),
        ('class A:\n    text = _("a")', 1),
        ('def f(text=_("a")): ...', 1),
        ('@admin.action(description=_("a"))\ndef f(): ...', 1),
        ('def f():\n    return _("a")', 0),
        ('f = lambda: _("a")', 0),
        ('TEXTS = [_("a") for a in ()]', 1),
    ],
)
def test_translated_at_import_tells_when_a_text_is_translated(source: str, count: int) -> None:
    assert len(translated_at_import(MARKED + source)) == count
