"""Links to what was recorded of something, for the pages that show it."""

from __future__ import annotations

from urllib.parse import urlencode

from django.urls import reverse


def history_url(kind: str, subject_id: object = "") -> str:
    """The page of all events of one object, or of all of a kind; its reader needs audit.view_auditevent."""
    subject = f"{kind}:{subject_id}" if subject_id != "" else kind
    return f"{reverse('admin:audit_auditevent_changelist')}?{urlencode({'subject': subject})}"
