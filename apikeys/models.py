"""Who is calling: one row for each API key. Only a keyed hash of the secret is stored."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Scope(models.TextChoices):
    GENERATE = "generate", _("Generate: submit, see and cancel own jobs")
    READ = "read", _("Read: see own jobs and usage")
    MANAGE = "manage", _("Manage: see and cancel the jobs of all keys")
    WEBHOOKS = "webhooks", _("Webhooks: register and manage webhooks")


class KeyState(models.TextChoices):
    """SUSPENDED: for as long as its owner is not active."""

    USABLE = "usable", _("Usable")
    EXPIRED = "expired", _("Expired")
    REVOKED = "revoked", _("Revoked")
    SUSPENDED = "suspended", _("Suspended")


def client_scopes() -> list[str]:
    return [Scope.GENERATE.value, Scope.READ.value]


def validate_scopes(scopes: object) -> None:
    """Raises ValidationError unless `scopes` is a list of known scopes, each once and at least one."""
    known = ", ".join(Scope.values)
    if not isinstance(scopes, list) or not scopes:
        raise ValidationError(_("Choose at least one scope of: %(known)s."), params={"known": known})
    if unknown := [str(scope) for scope in scopes if scope not in Scope.values]:
        raise ValidationError(
            _("There is no scope %(unknown)s. The scopes are: %(known)s."),
            params={"unknown": ", ".join(unknown), "known": known},
        )
    if len(set(scopes)) != len(scopes):
        raise ValidationError(_("A scope is named twice."))


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def usable(self, now: datetime) -> ApiKeyQuerySet:
        return self.filter(revoked_at=None).exclude(expires_at__lte=now)


class ApiKey(models.Model):
    """`prefix` is public: it stands at the start of the key and names it in logs. `digest` is HMAC-SHA256.

    A key with an `owner` allows at most what its owner may do, see rights.py. So an owner cannot be deleted,
    which would make the key anybody's; to deactivate one stops the keys.
    """

    name = models.CharField(_("name"), max_length=100)
    prefix = models.CharField(_("prefix"), max_length=20, unique=True, editable=False)
    digest = models.CharField(_("digest"), max_length=64, unique=True, editable=False)
    scopes = models.JSONField(_("scopes"), default=client_scopes, validators=[validate_scopes])
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True, editable=False)
    requests_per_minute = models.PositiveIntegerField(
        _("requests per minute"),
        null=True,
        blank=True,
        help_text=_("Empty: as API_REQUESTS_PER_MINUTE says. 0: no limit."),
    )
    concurrent_requests = models.PositiveIntegerField(
        _("concurrent requests"),
        null=True,
        blank=True,
        help_text=_("Empty: as API_CONCURRENT_REQUESTS says. 0: no limit."),
    )

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        editable=False,
        on_delete=models.PROTECT,
        related_name="api_keys",
        verbose_name=_("owner"),
    )

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        ordering = ["name", "id"]
        permissions = [("add_own_apikey", _("Can create API keys of one's own"))]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix})"

    @property
    def is_revoked(self) -> bool:
        return self.revoked_at is not None

    def is_expired(self, now: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= now

    def state_at(self, now: datetime) -> KeyState:
        """Of one that is usable, its owner may still have lost the right to what it allows."""
        if self.is_revoked:
            return KeyState.REVOKED
        if self.owner is not None and not self.owner.is_active:
            return KeyState.SUSPENDED
        return KeyState.EXPIRED if self.is_expired(now) else KeyState.USABLE

    def allows(self, scope: Scope) -> bool:
        return scope.value in self.scopes

    def is_protected(self) -> bool:
        """Rows of other packages refer to the key and must outlive it: it can be revoked, not deleted."""
        return any(
            relation.related_model._default_manager.filter(**{relation.field.name: self}).exists()
            for relation in self._meta.related_objects
            if relation.on_delete is models.PROTECT
        )

    def clean(self) -> None:
        if self.expires_at is not None and self._state.adding and self.is_expired(timezone.now()):
            raise ValidationError({"expires_at": _("The expiry must lie in the future.")})
