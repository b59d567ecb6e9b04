"""What pages call who acts and what was acted on, in the reader's language."""

from __future__ import annotations

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from .context import ANONYMOUS, SYSTEM

SUBJECT_KINDS: Final[dict[str, str | Promise]] = {
    "llmconfig": _("Configuration"),
    "apikey": _("API key"),
    "user": _("User"),
    "group": _("Group"),
    "activation_request": _("Activation request"),
    "generator": _("Generator"),
    "job": _("Job"),
    "webhook": _("Webhook"),
    "secrets": _("Secrets"),
    "audit": _("Audit trail"),
}
_NOBODY: Final = {SYSTEM.actor.name: _("The system"), ANONYMOUS.name: _("Nobody logged in")}


def actor_label(name: str) -> str:
    """Of an actor without a user id."""
    return str(_NOBODY.get(name, name))


def subject_label(kind: str, subject_id: str) -> str:
    """Of a subject without a name, such as "Job 5"."""
    return f"{SUBJECT_KINDS.get(kind, kind)} {subject_id}"
