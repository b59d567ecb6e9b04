"""The trail: events that are appended and never changed."""

from __future__ import annotations

import json
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from .actions import label_of
from .labels import actor_label


class AuditEvent(models.Model):
    """One thing that somebody did. `number` counts from 1 without a gap.

    `digest` is the SHA-256 of everything else in the row, the digest of the event before among it, see
    chaining.py. So there are no foreign keys, and `details_json` is text: what was hashed is what is stored.
    """

    number = models.BigIntegerField(_("number"), primary_key=True)
    at = models.DateTimeField(_("time"))
    action = models.CharField(_("action"), max_length=40)
    actor_id = models.BigIntegerField(_("user id"), null=True)
    actor_name = models.CharField(_("actor"), max_length=200)
    address = models.CharField(_("address"), max_length=64, blank=True)
    request_id = models.CharField(_("request id"), max_length=64, blank=True)
    subject_kind = models.CharField(_("kind of subject"), max_length=40, blank=True)
    subject_id = models.CharField(_("subject id"), max_length=64, blank=True)
    subject_name = models.CharField(_("subject"), max_length=200, blank=True)
    details_json = models.TextField(_("details"), default="{}")
    previous_digest = models.CharField(_("digest of the event before"), max_length=64, blank=True)
    digest = models.CharField(_("digest"), max_length=64)

    class Meta:
        verbose_name = _("audit event")
        verbose_name_plural = _("audit events")
        ordering = ["-number"]
        default_permissions = ("view",)
        permissions = [("export_auditevent", _("Can export the audit trail"))]
        indexes = [
            models.Index(fields=["at"], name="audit_by_time"),
            models.Index(fields=["subject_kind", "subject_id", "number"], name="audit_by_subject"),
            models.Index(fields=["actor_name", "number"], name="audit_by_actor"),
            models.Index(fields=["action", "number"], name="audit_by_action"),
            # For the search, each with the order of the list.
            models.Index(fields=["request_id", "number"], name="audit_by_request"),
            models.Index(fields=["address", "number"], name="audit_by_address"),
            models.Index(fields=["subject_name", "number"], name="audit_by_subject_name"),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.action_label}"

    @property
    def details(self) -> dict[str, Any]:
        details: dict[str, Any] = json.loads(self.details_json)
        return details

    @property
    def action_label(self) -> str:
        return label_of(self.action)

    @property
    def actor_label(self) -> str:
        return self.actor_name if self.actor_id is not None else actor_label(self.actor_name)


class Checkpoint(models.Model):
    """A signature over the digest of an event, and so over all events up to it.

    `every`: the next checkpoint comes after so many events at the latest. `previous_number` is the event of
    the checkpoint before, 0 of the first. Both are signed: so one that is missing is missed.
    """

    number = models.BigIntegerField(_("number"), primary_key=True)
    digest = models.CharField(_("digest"), max_length=64)
    at = models.DateTimeField(_("time"))
    previous_number = models.BigIntegerField(_("event of the checkpoint before"))
    every = models.PositiveIntegerField(_("events until the next"))
    key_id = models.CharField(_("key id"), max_length=16)
    signature = models.CharField(_("signature"), max_length=88)

    class Meta:
        verbose_name = _("checkpoint")
        verbose_name_plural = _("checkpoints")
        ordering = ["-number"]
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.number} signed by {self.key_id}"
