"""What clients may ask for by name: how their input becomes a prompt, and what the answer has to be."""

from __future__ import annotations

import copy
from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from .definition import PROMPT_ALONE
from .fields import OrderedJsonField

LAST_VERSION = 99_999
NAME_PATTERN = r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*"


class OutputKind(models.TextChoices):
    TEXT = "text", _("Text")
    JSON = "json", _("JSON")
    FENCED = "fenced", _("Fenced block of a language")


class State(models.TextChoices):
    """CURRENT is active too, and what the name without a version means."""

    DRAFT = "draft", _("Draft")
    ACTIVE = "active", _("Active")
    CURRENT = "current", _("Current")
    RETIRED = "retired", _("Retired")


def prompt_input() -> dict[str, Any]:
    """The input schema of a generator that takes a prompt and nothing else."""
    return copy.deepcopy(PROMPT_ALONE)


class Generator(models.Model):
    """One version of a generator; `ui` in version 3 is `ui-v3` to clients.

    A draft until it is first activated (`published_at`). From then on what it does never changes, so that
    what a client was accepted for is what it gets; only `is_active` and `is_current` do. Who names a
    generator without a version gets the current one.

    `input_schema` and `output_schema` are JSON Schemas without remote references. `takes_messages`: clients
    may send a conversation in place of an input; it goes to the model behind the system prompt.
    """

    name = models.CharField(
        _("name"),
        max_length=50,
        validators=[
            RegexValidator(
                rf"^{NAME_PATTERN}\Z", _("Small letters, digits and single hyphens, a letter first.")
            ),
            RegexValidator(r"-v[0-9]+\Z", _("The version is a field of its own."), inverse_match=True),
        ],
    )
    version = models.PositiveIntegerField(
        _("version"), default=1, validators=[MinValueValidator(1), MaxValueValidator(LAST_VERSION)]
    )
    description = models.TextField(
        _("description"), blank=True, default="", help_text=_("For clients: what it makes of which input.")
    )
    system_prompt = models.TextField(_("system prompt"), blank=True, default="")
    prompt_template = models.TextField(_("prompt template"), default="{{prompt}}")
    input_schema = OrderedJsonField(_("input schema"), default=prompt_input)
    takes_messages = models.BooleanField(_("takes messages"), default=False)
    output_kind = models.CharField(_("output"), max_length=10, choices=OutputKind, default=OutputKind.TEXT)
    output_schema = OrderedJsonField(_("output schema"), null=True, blank=True)
    fence_language = models.CharField(_("language of the block"), max_length=30, blank=True, default="")
    allows_partial = models.BooleanField(
        _("an answer that does not fit is passed on"),
        default=False,
        help_text=_("With a warning. Otherwise the job fails with output_invalid."),
    )
    max_input_chars = models.PositiveIntegerField(
        _("longest input in characters"), default=100_000, validators=[MinValueValidator(1)]
    )
    max_output_chars = models.PositiveIntegerField(
        _("longest output in characters"), default=1_000_000, validators=[MinValueValidator(1)]
    )
    max_tokens = models.PositiveIntegerField(
        _("most tokens of an answer"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("Empty: as the active configuration says."),
    )
    temperature = models.FloatField(
        _("temperature"),
        null=True,
        blank=True,
        validators=[MinValueValidator(0), MaxValueValidator(2)],
        help_text=_("Empty: as the active configuration says."),
    )
    is_active = models.BooleanField(_("active"), default=False, editable=False)
    is_current = models.BooleanField(_("current version"), default=False, editable=False)
    published_at = models.DateTimeField(_("published"), null=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(pgettext_lazy("time", "changed"), auto_now=True)

    class Meta:
        verbose_name = _("generator")
        verbose_name_plural = _("generators")
        ordering = ["name", "-version"]
        permissions = [("publish_generator", _("Can publish, retire and choose versions of generators"))]
        constraints = [
            models.UniqueConstraint(fields=["name", "version"], name="generator_version_once"),
            models.UniqueConstraint(
                fields=["name"], condition=Q(is_current=True), name="generator_one_current"
            ),
            models.CheckConstraint(
                condition=Q(is_current=False) | Q(is_active=True), name="generator_current_is_active"
            ),
            models.CheckConstraint(
                condition=Q(is_active=False) | Q(published_at__isnull=False),
                name="generator_active_is_published",
            ),
        ]

    def __str__(self) -> str:
        return self.public_name

    @property
    def public_name(self) -> str:
        return f"{self.name}-v{self.version}"

    @property
    def is_published(self) -> bool:
        return self.published_at is not None

    @property
    def state(self) -> State:
        if not self.is_published:
            return State.DRAFT
        if not self.is_active:
            return State.RETIRED
        return State.CURRENT if self.is_current else State.ACTIVE


class GivenNumber(models.Model):
    """The last version that was given under a name, so that none is given twice: a draft may be deleted."""

    name = models.CharField(max_length=50, primary_key=True)
    version = models.PositiveIntegerField()

    def __str__(self) -> str:
        return f"{self.name}: {self.version}"
