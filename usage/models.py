"""One row for each request to a model. Rows are written once and never changed."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apikeys.models import ApiKey

from .entries import Outcome

UNUSUAL = (Outcome.FAILED, Outcome.CANCELLED, Outcome.REFUSED)


class UsageRecord(models.Model):
    """As UsageEntry. What answered is kept as it was named then, so a deleted configuration changes nothing;
    nor does a deleted user. A record has an API key, or the user of a page.

    Each index costs every request, so there are five: a key's days (`selectors.daily_sums`), the latest of a
    configuration and its day (`selectors.uses_of_configs`), the latest and any day of all (the admin's list),
    one request by its id, and the few that did not complete.
    """

    at = models.DateTimeField(_("began"))
    request_id = models.CharField(_("request id"), max_length=64)
    # No index of its own: the one on (api_key, at) serves.
    api_key = models.ForeignKey(
        ApiKey,
        null=True,
        on_delete=models.PROTECT,
        related_name="usage_records",
        db_index=False,
        verbose_name=_("API key"),
    )
    route = models.CharField(_("route"), max_length=40)
    is_streamed = models.BooleanField(_("streamed"))
    outcome = models.CharField(_("outcome"), max_length=10, choices=Outcome)
    error_code = models.CharField(_("error code"), max_length=40)
    config_id = models.BigIntegerField(_("id of the configuration"), null=True)
    config_name = models.CharField(_("configuration"), max_length=100)
    provider = models.CharField(_("provider"), max_length=50)
    model_name = models.CharField(_("model"), max_length=255)
    prompt_tokens = models.PositiveIntegerField(_("prompt tokens"))
    completion_tokens = models.PositiveIntegerField(_("completion tokens"))
    is_estimated = models.BooleanField(_("tokens are estimated"))
    duration_s = models.FloatField(_("seconds"))
    first_token_s = models.FloatField(_("seconds to first token"), null=True)
    user_id = models.BigIntegerField(_("user id"), null=True)
    user_name = models.CharField(_("user"), max_length=150, default="")

    class Meta:
        verbose_name = _("usage record")
        verbose_name_plural = _("usage records")
        ordering = ["-at", "-id"]
        indexes = [
            models.Index(fields=["api_key", "at"], name="usage_by_key"),
            models.Index(fields=["config_id", "at"], name="usage_by_config"),
            models.Index(fields=["at", "id"], name="usage_by_time"),
            models.Index(fields=["request_id"], name="usage_by_request"),
            models.Index(
                fields=["outcome", "at", "id"], condition=Q(outcome__in=UNUSUAL), name="usage_unusual"
            ),
        ]

    def __str__(self) -> str:
        return self.request_id
