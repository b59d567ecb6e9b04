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
from llmconfigs.models import LLMConfig

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


class GenerationJobQuerySet(models.QuerySet["GenerationJob"]):
    def visible_to(self, key: ApiKey, *, all_keys: bool) -> GenerationJobQuerySet:
        return self if all_keys else self.filter(key=key)

    def visible_to_user(self, user: User, *, all_keys: bool) -> GenerationJobQuerySet:
        return self if all_keys else self.filter(key__owner=user.pk)


class GenerationJob(models.Model):
    """One generation request that was accepted, from `queued` to one of the finished states.

    The first half is what the client may see. The second is for staff and for the workers: which
    configuration answered, and who holds the job until when. `lease_owner` and `attempt` together are the
    claim: a write under another claim is refused. `attempt` counts the claims, `lost_leases` those whose
    worker went away, `postponements` those that found the model not ready.
    """

    id = models.UUIDField(primary_key=True, default=new_job_id, editable=False)
    key = models.ForeignKey(ApiKey, on_delete=models.PROTECT, related_name="jobs", verbose_name=_("API key"))
    status = models.CharField(_("status"), max_length=20, choices=JobStatus, default=JobStatus.QUEUED)
    generator = models.CharField(_("generator"), max_length=60, default="text-v1")
    priority = models.PositiveSmallIntegerField(
        _("priority"), default=3, validators=[MinValueValidator(1), MaxValueValidator(5)]
    )
    request = models.JSONField(_("request"))
    metadata = models.JSONField(_("metadata"), default=dict)
    idempotency_key = models.CharField(  # noqa: DJ001  (null: no key, not unique)
        _("idempotency key"), max_length=255, null=True
    )
    request_digest = models.CharField(_("digest of the request"), max_length=64)
    text = models.TextField(_("text so far"), default="")
    tokens_so_far = models.PositiveIntegerField(_("tokens so far"), default=0)
    tool_calls = models.JSONField(_("tool calls"), default=list)
    finish_reason = models.CharField(_("finish reason"), max_length=20, default="")
    prompt_tokens = models.PositiveIntegerField(_("prompt tokens"), null=True)
    completion_tokens = models.PositiveIntegerField(_("completion tokens"), null=True)
    warnings = models.JSONField(_("warnings"), default=list)
    error_code = models.CharField(_("error code"), max_length=40, default="")
    error_message = models.TextField(_("error message"), default="")
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    started_at = models.DateTimeField(_("started"), null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)

    run_after = models.DateTimeField(_("not before"), null=True)
    deadline_at = models.DateTimeField(_("deadline"))
    cancel_requested_at = models.DateTimeField(_("cancel requested"), null=True)
    attempt = models.PositiveIntegerField(_("attempt"), default=0)
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
    failure_detail = models.TextField(_("what went wrong"), default="")
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
            models.Index(F("priority"), F("id"), condition=Q(status="queued"), name="job_queue"),
            models.Index(fields=["deadline_at"], condition=Q(status="queued"), name="job_deadlines"),
            models.Index(fields=["lease_expires_at"], condition=Q(status="in_progress"), name="job_leases"),
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
