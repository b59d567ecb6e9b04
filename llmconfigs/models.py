"""The administrator's list of language models, at most one of them active, and what is kept about them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from audit.context import Actor
from llmbackends.client_bounds import default_bounds
from llmbackends.errors import UnknownProvider
from llmbackends.registry import get_provider
from llmbackends.spec import BackendSpec

from . import policy
from .binding import receiver_of
from .fields import SealedSecretField
from .sentence_fields import SentenceField


def is_same_person(actor: Actor, user_id: int | None, name: str) -> bool:
    """By the user's id; a command, which has none, by its name."""
    return actor.user_id == user_id and (user_id is not None or actor.name == name)


class LLMConfigQuerySet(models.QuerySet["LLMConfig"]):
    def active(self) -> LLMConfigQuerySet:
        return self.filter(is_active=True)


class LLMConfig(models.Model):
    """`parameters`: sampling parameters, `options`: the provider's own settings, `client_parameters`: which
    parameters a client may set, with their bounds; each valid by its schema.

    `model_name`, `endpoint_url`: "" is the provider's default. `version` counts the saves: a backend that was
    built from another version is out of date. `is_active` is changed by activation.py alone, whatever else by
    editing.py, which keeps `editors`: who has changed what the row does since it was last activated.
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
    edited_by_id = models.BigIntegerField(_("id of the last editor"), null=True, editable=False)
    edited_by_name = models.CharField(_("last edited by"), max_length=200, blank=True, editable=False)
    editors = models.JSONField(_("editors"), default=list, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    objects: ClassVar[Any] = LLMConfigQuerySet.as_manager()

    class Meta:
        verbose_name = _("LLM configuration")
        verbose_name_plural = _("LLM configurations")
        ordering = ["name"]
        permissions = [
            ("activate_llmconfig", _("Can activate LLM configurations")),
            ("approve_llmconfig", _("Can approve activations by others")),
        ]
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

    def was_edited_by(self, actor: Actor) -> bool:
        """Since it was last activated."""
        return any(is_same_person(actor, each["id"], each["name"]) for each in self.editors)

    def note_editor(self, actor: Actor) -> None:
        self.edited_by_id, self.edited_by_name = actor.user_id, actor.name[:200]
        if not self.was_edited_by(actor):
            self.editors = [*self.editors, {"id": actor.user_id, "name": actor.name}]


class ActivationKind(models.TextChoices):
    ACTIVATED = "activated", _("Activated")
    ROLLED_BACK = "rolled_back", _("Rolled back")
    DEACTIVATED = "deactivated", _("Deactivated")
    DELETED = "deleted", _("Deleted while it was active")


class Activation(models.Model):
    """A change of what answers, kept as it was named then: rows may be changed and deleted later.

    `config_id`, `previous_id`: what answered from then on and what did before; None is the environment.
    """

    kind = models.CharField(_("kind"), max_length=20, choices=ActivationKind)
    config_id = models.BigIntegerField(_("id of the configuration"), null=True)
    config_name = models.CharField(_("configuration"), max_length=100, blank=True)
    provider = models.CharField(_("provider"), max_length=50)
    model_name = models.CharField(_("model"), max_length=255)
    previous_id = models.BigIntegerField(_("id of the configuration before"), null=True)
    previous_name = models.CharField(_("configuration before"), max_length=100, blank=True)
    by_id = models.BigIntegerField(_("user id"), null=True)
    by_name = models.CharField(_("by"), max_length=200)
    force_reason = models.TextField(_("reason for activating anyway"), blank=True)
    at = models.DateTimeField(_("time"))

    class Meta:
        verbose_name = _("activation")
        verbose_name_plural = _("activations")
        ordering = ["-id"]
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.config_name or self.provider}"


class RequestState(models.TextChoices):
    PENDING = "pending", _("Pending")
    APPROVED = "approved", _("Approved")
    REJECTED = "rejected", _("Rejected")
    WITHDRAWN = "withdrawn", _("Withdrawn")
    EXPIRED = "expired", _("Expired")
    OUTDATED = "outdated", _("The configuration was changed")


class ActivationRequestQuerySet(models.QuerySet["ActivationRequest"]):
    def pending(self, now: datetime) -> ActivationRequestQuerySet:
        return self.filter(state=RequestState.PENDING, expires_at__gt=now)

    def overdue(self, now: datetime) -> ActivationRequestQuerySet:
        return self.filter(state=RequestState.PENDING, expires_at__lte=now)


class ActivationRequest(models.Model):
    """Somebody wants a configuration to be activated as it is in `config_version`; a second person decides.

    `state` says PENDING of one that has expired until somebody looks at it in order to write.
    """

    config_id = models.BigIntegerField(_("id of the configuration"))
    config_name = models.CharField(_("configuration"), max_length=100)
    config_version = models.PositiveIntegerField(_("version"))
    requested_by_id = models.BigIntegerField(_("id of the requester"), null=True)
    requested_by_name = models.CharField(_("requested by"), max_length=200)
    requested_at = models.DateTimeField(_("requested"))
    reason = models.TextField(_("reason"), blank=True)
    expires_at = models.DateTimeField(_("expires"))
    state = models.CharField(
        _("state"), max_length=10, choices=RequestState, default=RequestState.PENDING, db_index=True
    )
    decided_by_id = models.BigIntegerField(_("id of who decided"), null=True)
    decided_by_name = models.CharField(_("decided by"), max_length=200, blank=True)
    decided_at = models.DateTimeField(_("decided"), null=True)
    decision_reason = models.TextField(_("reason of the decision"), blank=True)

    objects: ClassVar[Any] = ActivationRequestQuerySet.as_manager()

    class Meta:
        verbose_name = _("activation request")
        verbose_name_plural = _("activation requests")
        ordering = ["-id"]
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["config_id"],
                condition=models.Q(state=RequestState.PENDING),
                name="activationrequest_one_pending",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.config_name} ({self.get_state_display()})"

    def state_at(self, now: datetime) -> RequestState:
        is_overdue = self.state == RequestState.PENDING and self.expires_at <= now
        return RequestState.EXPIRED if is_overdue else RequestState(self.state)

    def was_made_by(self, actor: Actor) -> bool:
        return is_same_person(actor, self.requested_by_id, self.requested_by_name)


class HealthNote(models.Model):
    """What was last seen of a configuration's service; written now and then, by whoever asked it.

    `config_id` 0 is the environment. No foreign key: to note something must wait for no lock of the row.
    """

    ENVIRONMENT: ClassVar[int] = 0

    config_id = models.BigIntegerField(_("id of the configuration"), primary_key=True)
    is_healthy = models.BooleanField(_("healthy"))
    checked_at = models.DateTimeField(_("checked"))
    took_s = models.FloatField(_("seconds"), null=True)
    detail = SentenceField(_("detail"), blank=True)

    class Meta:
        verbose_name = _("health note")
        verbose_name_plural = _("health notes")
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.config_id}: {'healthy' if self.is_healthy else 'sick'}"
