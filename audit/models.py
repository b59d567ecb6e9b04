"""The trail: events that are appended and never changed."""

from __future__ import annotations

import json
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from .actions import Action


class AuditEvent(models.Model):
    """One thing that somebody did. `number` counts from 1 without a gap.

    `digest` is the SHA-256 of everything else in the row, the digest of the event before among it, see
    chaining.py. So there are no foreign keys, and `details_json` is text: what was hashed is what is stored.
    """

    number = models.BigIntegerField(_("number"), primary_key=True)
    at = models.DateTimeField(_("time"))
    action = models.CharField(_("action"), max_length=40, choices=Action)
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
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.action}"

    @property
    def details(self) -> dict[str, Any]:
        details: dict[str, Any] = json.loads(self.details_json)
        return details
