"""The administrator's list of language models, at most one of them active."""

from __future__ import annotations

from typing import Any, ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from llmbackends.client_bounds import default_bounds
from llmbackends.errors import UnknownProvider
from llmbackends.registry import get_provider
from llmbackends.spec import BackendSpec

from . import policy
from .binding import receiver_of
from .fields import SealedSecretField


class LLMConfigQuerySet(models.QuerySet["LLMConfig"]):
    def active(self) -> LLMConfigQuerySet:
        return self.filter(is_active=True)


class LLMConfig(models.Model):
    """`parameters`: sampling parameters, `options`: the provider's own settings, `client_parameters`: which
    parameters a client may set, with their bounds; each valid by its schema.

    `model_name`, `endpoint_url`: "" is the provider's default. `version` counts the saves: a backend that was
    built from another version is out of date. `is_active` is changed by activation.py alone.
    """

    name = models.CharField(_("name"), max_length=100, unique=True)
    provider = models.CharField(_("provider"), max_length=50)
    model_name = models.CharField(_("model"), max_length=255, blank=True)
    endpoint_url = models.CharField(_("endpoint URL"), max_length=500, blank=True)
    api_key = SealedSecretField(_("API key"), blank=True, bound_by="key_receiver")
    is_active = models.BooleanField(_("active"), default=False, editable=False)
    parameters = models.JSONField(_("parameters"), default=dict, blank=True)
    client_parameters = models.JSONField(
        _("parameters that clients may set"), default=default_bounds, blank=True
    )
    options = models.JSONField(_("provider options"), default=dict, blank=True)
    timeout_seconds = models.PositiveIntegerField(
        _("time-out in seconds"), default=120, validators=[MinValueValidator(10), MaxValueValidator(600)]
    )
    max_retries = models.PositiveIntegerField(_("retries"), default=2, validators=[MaxValueValidator(10)])
    version = models.PositiveIntegerField(_("version"), default=1, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    objects: ClassVar[Any] = LLMConfigQuerySet.as_manager()

    class Meta:
        verbose_name = _("LLM configuration")
        verbose_name_plural = _("LLM configurations")
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["is_active"],
                condition=models.Q(is_active=True),
                name="llmconfig_at_most_one_active",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Raises RemoteNotAllowed and AddressNotAllowed, so that no code can store what the policy forbids,
        validated or not.

        The rest of the validation is for those who call `full_clean()`, as forms do. `QuerySet.update()` and
        loaddata pass by this; activating and building ask the policy again. Counts `version` up in the
        database, so that of two saves at once each counts. Of an existing row `is_active` is left as it is:
        an instance that was read before an activation must not undo it.
        """
        self._ensure_allowed()
        if self._state.adding or self.pk is None:
            super().save(*args, **kwargs)
            return
        fields = kwargs.get("update_fields")
        if fields is None:
            fields = self._loaded_fields()
        kwargs["update_fields"] = {*fields, "version", "updated_at"} - {"is_active"}
        version, self.version = self.version, F("version") + 1
        try:
            super().save(*args, **(kwargs | {"force_update": True}))
        except BaseException:
            self.version = version
            raise
        self.refresh_from_db(fields=["version"])

    def _loaded_fields(self) -> set[str]:
        names = {field.name for field in self._meta.concrete_fields if not field.primary_key}
        return names - self.get_deferred_fields()

    def _ensure_allowed(self) -> None:
        from .specs import endpoint_of  # which needs the model

        try:
            provider = get_provider(self.provider)
        except UnknownProvider:  # sends nothing anywhere, and the row can still be renamed
            return
        policy.ensure_allowed(BackendSpec(provider.id, "", endpoint_of(provider, self.endpoint_url)))

    @property
    def key_receiver(self) -> str:
        """The address that the API key is sent to, which is what it is bound to."""
        return receiver_of(self.provider, self.endpoint_url)

    def clean(self) -> None:
        from .validation import validate  # which needs the model

        validate(self)
