"""Generation jobs. The row is the queue and the truth; a broker message only wakes a worker."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import uuid_utils.compat
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from apikeys.models import ApiKey
from generators.fields import OrderedJsonField
from llmconfigs.models import LLMConfig
from llmconfigs.sentence_fields import SentenceField

if TYPE_CHECKING:
    from django.contrib.auth.models import User


def new_job_id() -> uuid.UUID:
    """A UUIDv7: sorted by id is sorted by time."""
    return uuid_utils.compat.uuid7()


class JobStatus(models.TextChoices):
    QUEUED = "queued", _("Queued")
    IN_PROGRESS = "in_progress", _("In progress")
    COMPLETED = "completed", _("Completed")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")


FINISHED = (JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED)
UNUSUAL = (JobStatus.FAILED, JobStatus.CANCELLED)


class GenerationJobQuerySet(models.QuerySet["GenerationJob"]):
    def visible_to(self, key: ApiKey, *, all_keys: bool) -> GenerationJobQuerySet:
        return self if all_keys else self.filter(key=key)

    def visible_to_user(self, user: User, *, all_keys: bool) -> GenerationJobQuerySet:
        if all_keys:
            return self
        # Their ids and no join: of an id the database knows how many jobs it has, and so which index serves.
        keys = ApiKey.objects.filter(owner=user.pk).order_by().values_list("pk", flat=True)
        return self.filter(key__in=list(keys))


class GenerationJob(models.Model):
    """One generation request that was accepted, from `queued` to one of the finished states.

    The first half is what the client may see. The second is for staff and for the workers: which
    configuration answered, and who holds the job until when. `lease_owner` and `attempt` together are the
    claim: a write under another claim is refused. `attempt` counts the claims, `lost_leases` those whose
    worker went away, `postponements` those that found the model not ready. A job with a
    `run_after` is not in the queue; claims.py puts it there when its time has come.
    """

    id = models.UUIDField(primary_key=True, default=new_job_id, editable=False)
    # No index of its own: those that begin with it serve.
    key = models.ForeignKey(
        ApiKey, on_delete=models.PROTECT, related_name="jobs", db_index=False, verbose_name=_("API key")
    )
    status = models.CharField(_("status"), max_length=20, choices=JobStatus, default=JobStatus.QUEUED)
    generator = models.CharField(_("generator"), max_length=60, default="text-v1")
    priority = models.PositiveSmallIntegerField(
        _("priority"), default=3, validators=[MinValueValidator(1), MaxValueValidator(5)]
    )
    request = OrderedJsonField(_("request"))
    metadata = models.JSONField(_("metadata"), default=dict)
    idempotency_key = models.CharField(  # noqa: DJ001  (null: no key, not unique)
        _("idempotency key"), max_length=255, null=True
    )
    request_digest = models.CharField(_("digest of the request"), max_length=64)
    text = models.TextField(_("text so far"), default="")
    tokens_so_far = models.PositiveIntegerField(_("tokens so far"), default=0)
    data = OrderedJsonField(_("data"), null=True)
    tool_calls = models.JSONField(_("tool calls"), default=list)
    finish_reason = models.CharField(_("finish reason"), max_length=20, default="")
    prompt_tokens = models.PositiveIntegerField(_("prompt tokens"), null=True)
    completion_tokens = models.PositiveIntegerField(_("completion tokens"), null=True)
    warnings = models.JSONField(_("warnings"), default=list)
    error_code = models.CharField(_("error code"), max_length=40, default="")
    error_message = SentenceField(_("error message"), default="")
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    started_at = models.DateTimeField(_("started"), null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)
    rerun_of = models.UUIDField(_("re-run of"), null=True)
    result_expired_at = models.DateTimeField(_("request and result deleted"), null=True)

    run_after = models.DateTimeField(_("not before"), null=True)
    deadline_at = models.DateTimeField(_("deadline"))
    cancel_requested_at = models.DateTimeField(_("cancel requested"), null=True)
    attempt = models.PositiveIntegerField(_("attempt"), default=0)
    claimed_at = models.DateTimeField(_("attempt began"), null=True)
    lost_leases = models.PositiveIntegerField(_("workers lost"), default=0)
    postponements = models.PositiveIntegerField(_("times put off"), default=0)
    lease_owner = models.CharField(_("worker"), max_length=100, default="")
    lease_expires_at = models.DateTimeField(_("lease until"), null=True)
    config = models.ForeignKey(
        LLMConfig, null=True, on_delete=models.SET_NULL, related_name="+", verbose_name=_("configuration")
    )
    config_name = models.CharField(_("configuration name"), max_length=100, default="")
    provider = models.CharField(_("provider"), max_length=50, default="")
    model_name = models.CharField(_("model"), max_length=255, default="")
    failure_detail = SentenceField(_("what went wrong"), default="")
    first_chunk_s = models.FloatField(_("seconds to first chunk"), null=True)
    duration_s = models.FloatField(_("seconds to generate"), null=True)

    objects = GenerationJobQuerySet.as_manager()

    class Meta:
        verbose_name = _("generation job")
        verbose_name_plural = _("generation jobs")
        ordering = ["-id"]
        permissions = [("use_playground", _("Can use the playground"))]
        constraints = [
            models.UniqueConstraint(fields=["key", "idempotency_key"], name="job_idempotency_key_once"),
            models.CheckConstraint(condition=Q(status__in=JobStatus.values), name="job_status_known"),
        ]
        indexes = [
            models.Index(
                F("priority"),
                F("key"),
                F("id"),
                condition=Q(status="queued", run_after__isnull=True),
                name="job_ready",
            ),
            models.Index(
                fields=["run_after"],
                condition=Q(status="queued", run_after__isnull=False),
                name="job_put_off",
            ),
            models.Index(fields=["deadline_at"], condition=Q(status="queued"), name="job_deadlines"),
            models.Index(fields=["lease_expires_at"], condition=Q(status="in_progress"), name="job_leases"),
            models.Index(
                fields=["finished_at"],
                condition=Q(finished_at__isnull=False, result_expired_at__isnull=True),
                name="job_retention",
            ),
            # For staff, who look for these among the many that went well.
            models.Index(fields=["status", "-id"], condition=Q(status__in=UNUSUAL), name="job_unusual"),
            models.Index(fields=["key", "-id"], name="job_by_key"),
            models.Index(fields=["key", "status", "-id"], name="job_by_key_status"),
        ]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def is_finished(self) -> bool:
        return self.status in FINISHED

    @property
    def tokens(self) -> int:
        """Of the answer: as the backend counted them or, until it has, the pieces in which they came."""
        return self.tokens_so_far if self.completion_tokens is None else self.completion_tokens


class AttemptOutcome(models.TextChoices):
    COMPLETED = "completed", _("Completed")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")
    POSTPONED = "postponed", _("Put off")
    GIVEN_BACK = "given_back", _("Given back")
    LEASE_LOST = "lease_lost", _("Worker lost")


class JobAttempt(models.Model):
    """One attempt at a job that has ended, for staff; the one under way is in the job's own row.

    Written in the transaction that ends the attempt. What answered is kept as it was named then.
    """

    job = models.ForeignKey(
        GenerationJob,
        on_delete=models.CASCADE,
        related_name="attempts",
        db_index=False,
        verbose_name=_("job"),
    )
    number = models.PositiveIntegerField(_("number"))
    owner = models.CharField(_("worker"), max_length=100)
    started_at = models.DateTimeField(_("began"), null=True)
    ended_at = models.DateTimeField(_("ended"))
    outcome = models.CharField(_("outcome"), max_length=10, choices=AttemptOutcome)
    reason = SentenceField(_("reason"), default="", most=10_000)
    config_id = models.BigIntegerField(_("id of the configuration"), null=True)
    config_name = models.CharField(_("configuration"), max_length=100, default="")
    provider = models.CharField(_("provider"), max_length=50, default="")
    model_name = models.CharField(_("model"), max_length=255, default="")
    prompt_tokens = models.PositiveIntegerField(_("prompt tokens"), null=True)
    completion_tokens = models.PositiveIntegerField(_("completion tokens"), null=True)

    class Meta:
        verbose_name = _("attempt")
        verbose_name_plural = _("attempts")
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["job", "number"], name="attempt_once")]

    def __str__(self) -> str:
        return f"{self.job_id} #{self.number}"


class KeyTurn(models.Model):
    """When a job of the key was last begun: of two keys that wait, the one served longer ago is next."""

    key = models.OneToOneField(ApiKey, on_delete=models.CASCADE, primary_key=True, related_name="+")
    served_at = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.key_id)


class Lease(models.Model):
    """Work that one process at a time does; `fence` grows with each change of the holder (leases.py)."""

    name = models.CharField(primary_key=True, max_length=40)
    holder = models.CharField(max_length=100)
    fence = models.PositiveBigIntegerField(default=0)
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


class Breaker(models.Model):
    """Whether jobs are kept from a backend that was not available (breakers.py).

    `backend` names what was saved, with its version: a configuration that was changed begins anew. Open while
    `opened_at` is set; from `probe_at` on, one job may try it. `probe_until`: somebody tries until then.
    """

    backend = models.CharField(_("backend"), max_length=60, primary_key=True)
    name = models.CharField(_("configuration"), max_length=100)
    failures = models.PositiveIntegerField(_("failures in a row"), default=0)
    reason = SentenceField(_("last failure"), default="", most=10_000)
    failed_at = models.DateTimeField(_("last failed"), null=True)
    opened_at = models.DateTimeField(_("open since"), null=True)
    probes = models.PositiveIntegerField(_("failed tries since"), default=0)
    probe_at = models.DateTimeField(_("next try"), null=True)
    probe_until = models.DateTimeField(_("being tried until"), null=True)

    class Meta:
        verbose_name = _("circuit breaker")
        verbose_name_plural = _("circuit breakers")
        ordering = ["-failed_at"]

    def __str__(self) -> str:
        return self.name or self.backend
