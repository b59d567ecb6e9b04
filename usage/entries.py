"""What is recorded of one request to a model."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Outcome(TextChoices):
    """CANCELLED: the client left. REFUSED: turned away by us before any model was asked."""

    COMPLETED = "completed", _("Completed")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")
    REFUSED = "refused", _("Refused")


@dataclass(frozen=True, slots=True)
class UsageEntry:
    """`at`: when it began, aware and in UTC. `route`: "chat.completions", "jobs", "playground" …

    `api_key_id` is None for what came from a page; who asked there is the user, as named then.
    `config_id` is None where no configuration answered, or that of the environment. `is_estimated`: the
    tokens are ours, since the backend did not count. `first_token_s` is None where nothing came.
    """

    at: datetime
    request_id: str
    api_key_id: int | None
    route: str
    is_streamed: bool
    outcome: Outcome
    error_code: str = ""
    config_id: int | None = None
    config_name: str = ""
    provider: str = ""
    model_name: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    is_estimated: bool = False
    duration_s: float = 0.0
    first_token_s: float | None = None
    user_id: int | None = None
    user_name: str = ""
