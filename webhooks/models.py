"""Where clients want to be told that a job has ended, and each message that tells them."""

from __future__ import annotations

import re
import uuid

import uuid_utils.compat
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from apikeys.models import ApiKey
from llmconfigs.fields import SealedSecretField
from llmconfigs.sentence_fields import SentenceField

_END_OF_HOST = re.compile(r"[/?#]")


def new_id() -> uuid.UUID:
    return uuid_utils.compat.uuid7()


class DisabledBecause(models.TextChoices):
    CLIENT = "client", _("Switched off by the client")
    STAFF = "staff", _("Switched off by staff")
    FAILING = "failing", _("Failed for days")
    GONE = "gone", _("Answered that it is gone (410)")


class WebhookEndpointQuerySet(models.QuerySet["WebhookEndpoint"]):
    def kept(self) -> WebhookEndpointQuerySet:
        return self.filter(removed_at=None)

    def visible_to(self, key: ApiKey, *, all_keys: bool) -> WebhookEndpointQuerySet:
        return self.kept() if all_keys else self.kept().filter(key=key)

    def noticeable(self) -> WebhookEndpointQuerySet:
        """Those of which staff is told: nobody switched them off, they stopped working."""
        stopped = (DisabledBecause.FAILING, DisabledBecause.GONE)
        return self.kept().filter(disabled_because__in=stopped, noticed_at=None)


class WebhookEndpoint(models.Model):
    """An address that one API key has registered. Messages are signed with `secret` and, until it ends, with
    `previous_secret` too. One with a `removed_at` is gone for everybody: it is switched off as well, and its
    row stays only for as long as its deliveries do.

    `failing_since`: the first failure after the last success. `held_until`: when it wants to be called again,
    as it said with a 429 or 503. Switched off while `disabled_at` is set; `noticed_at`: when staff put the
    notice about that away.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    key = models.ForeignKey(
        ApiKey, on_delete=models.CASCADE, related_name="webhook_endpoints", verbose_name=_("API key")
    )
    url = models.CharField(_("URL"), max_length=500)
    description = models.CharField(_("description"), max_length=200, blank=True, default="")
    on_completed = models.BooleanField(_("tells of completed jobs"), default=True)
    on_failed = models.BooleanField(_("tells of failed jobs"), default=True)
    on_cancelled = models.BooleanField(_("tells of cancelled jobs"), default=True)
    secret = SealedSecretField(_("secret"), default="", editable=False)
    previous_secret = SealedSecretField(_("previous secret"), default="", editable=False)
    previous_secret_until = models.DateTimeField(_("previous secret valid until"), null=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(pgettext_lazy("time", "changed"), auto_now=True)
    failing_since = models.DateTimeField(_("failing since"), null=True, editable=False)
    succeeded_at = models.DateTimeField(_("last success"), null=True, editable=False)
    held_until = models.DateTimeField(_("asked not to be called before"), null=True, editable=False)
    disabled_at = models.DateTimeField(_("switched off"), null=True, editable=False)
    disabled_because = models.CharField(
        _("why"), max_length=10, choices=DisabledBecause, blank=True, default="", editable=False
    )
    noticed_at = models.DateTimeField(_("notice put away"), null=True, editable=False)
    removed_at = models.DateTimeField(_("removed"), null=True, editable=False)

    objects = WebhookEndpointQuerySet.as_manager()

    class Meta:
        verbose_name = _("webhook endpoint")
        verbose_name_plural = _("webhook endpoints")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["key", "url"], condition=Q(removed_at=None), name="webhook_url_once"
            ),
        ]
        indexes = [
            # Few: the notices of the start page; the removed ones that wait for their deliveries to go; and
            # those with a secret that ends.
            models.Index(
                fields=["disabled_because"],
                condition=Q(disabled_because__in=["failing", "gone"]),
                name="webhook_stopped",
            ),
            models.Index(
                fields=["removed_at"], condition=Q(removed_at__isnull=False), name="webhook_removed"
            ),
            models.Index(
                fields=["previous_secret_until"],
                condition=Q(previous_secret_until__isnull=False),
                name="webhook_two_secrets",
            ),
        ]

    def __str__(self) -> str:
        return self.origin

    @property
    def origin(self) -> str:
        """Where it lies. The path may hold a token, so this is what the trail and other pages tell."""
        scheme, _, rest = self.url.partition("://")
        return f"{scheme}://{_END_OF_HOST.split(rest, 1)[0]}"


class Event(models.TextChoices):
    COMPLETED = "generation.completed", _("Completed")
    FAILED = "generation.failed", _("Failed")
    CANCELLED = "generation.cancelled", _("Cancelled")
    TEST = "webhook.test", _("Test")


class DeliveryStatus(models.TextChoices):
    PENDING = "pending", pgettext_lazy("delivery", "Pending")
    DELIVERED = "delivered", _("Delivered")
    FAILED = "failed", _("Failed")


class GivenUpBecause(models.TextChoices):
    """Though nothing was sent."""

    OFF = "off", _("The endpoint was switched off for too long")
    REMOVED = "removed", _("The client removed the endpoint")
    REVOKED = "revoked", _("The API key was revoked")
    JOB_GONE = "job_gone", _("The job that it tells of was deleted")


class WebhookDelivery(models.Model):
    """One message to one endpoint, made in the transaction that ends the job.

    `message_id` is the same in every attempt. `body` is written when it is first claimed, and never changed.
    A pending one is due at `next_attempt_at`; `lease_owner` and `attempts` together are the claim of who
    sends it. A round is what schedule.py counts: it begins with the delivery, and anew with a redelivery.
    """

    message_id = models.UUIDField(_("message"), unique=True, default=uuid.uuid4, editable=False)
    endpoint = models.ForeignKey(
        WebhookEndpoint,
        on_delete=models.CASCADE,
        related_name="deliveries",
        db_index=False,  # those that begin with it serve
        verbose_name=_("endpoint"),
    )
    event = models.CharField(_("event"), max_length=40, choices=Event)
    job_id = models.UUIDField(_("job"), null=True)
    body = models.TextField(_("body"), default="")
    status = models.CharField(
        _("status"), max_length=10, choices=DeliveryStatus, default=DeliveryStatus.PENDING
    )
    created_at = models.DateTimeField(_("created"))
    next_attempt_at = models.DateTimeField(_("next attempt"), null=True)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    round_began_at = models.DateTimeField(_("sent since"))
    round_failures = models.PositiveIntegerField(_("failures since then"), default=0)
    lease_owner = models.CharField(max_length=100, default="")
    lease_expires_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)
    # The trigger names the columns that it fills, and this is none of them.
    given_up_because = models.CharField(
        _("given up because"), max_length=10, choices=GivenUpBecause, blank=True, default="", db_default=""
    )

    class Meta:
        verbose_name = _("webhook delivery")
        verbose_name_plural = _("webhook deliveries")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=DeliveryStatus.values), name="delivery_status_known"
            ),
        ]
        indexes = [
            models.Index(
                fields=["endpoint", "next_attempt_at"], condition=Q(status="pending"), name="delivery_due"
            ),
            models.Index(
                fields=["finished_at"], condition=Q(finished_at__isnull=False), name="delivery_retention"
            ),
            models.Index(fields=["endpoint", "-id"], name="delivery_by_endpoint"),
            # Few of many: what staff looks for, and sends again.
            models.Index(fields=["endpoint", "-id"], condition=Q(status="failed"), name="delivery_failed"),
            models.Index(fields=["job_id"], name="delivery_by_job"),
        ]

    def __str__(self) -> str:
        return f"msg_{self.message_id.hex}"


class AttemptOutcome(models.TextChoices):
    DELIVERED = "delivered", _("Delivered")
    HTTP_STATUS = "http_status", _("Answered with an error")
    TIMEOUT = "timeout", _("No answer in time")
    CONNECTION_FAILED = "connection_failed", _("No connection")
    REFUSED_ADDRESS = "refused_address", _("Address not allowed")
    NOT_SENT = "not_sent", _("Could not be made")
    STOPPED = "stopped", _("Stopped")


class WebhookAttemptQuerySet(models.QuerySet["WebhookAttempt"]):
    def newest(self, most: int) -> WebhookAttemptQuerySet:
        """Of each delivery, the first of them first. One that is sent again and again has any number."""
        return self.filter(number__gt=F("delivery__attempts") - most).order_by("number")


class WebhookAttempt(models.Model):
    """One try to send a message. `status_code` is null where no answer came; `reason` is for staff.

    Not sent: a fault of ours, such as a secret that cannot be read. Stopped: the sender was, in the midst of
    it. One whose sender died has no row.
    """

    delivery = models.ForeignKey(
        WebhookDelivery, on_delete=models.CASCADE, related_name="tries", verbose_name=_("delivery")
    )
    number = models.PositiveIntegerField(_("number"))
    started_at = models.DateTimeField(_("began"))
    duration_s = models.FloatField(_("seconds"))
    outcome = models.CharField(_("outcome"), max_length=20, choices=AttemptOutcome)
    status_code = models.PositiveSmallIntegerField(_("HTTP status"), null=True)
    reason = SentenceField(_("reason"), default="")

    objects = WebhookAttemptQuerySet.as_manager()

    class Meta:
        verbose_name = _("attempt")
        verbose_name_plural = _("attempts")
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["delivery", "number"], name="webhook_attempt_once")]

    def __str__(self) -> str:
        return f"{self.delivery_id} #{self.number}"
