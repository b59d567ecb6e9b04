"""What a message says: what the client may see of the job, without the text, which it fetches."""

from __future__ import annotations

import json
import re
import uuid
from datetime import UTC, datetime
from typing import Any, Final

from generation.failures import API_ERRORS
from generation.models import GenerationJob, JobStatus

from .models import Event, WebhookDelivery

_PUBLIC_ID = re.compile(r"msg_([0-9a-f]{32})")
# As the API gives it (api/answers.py): here is no request, and a worker has no need of all its routes.
_STATUS_URL: Final = "/api/v1/generations/{id}"


def public_id(delivery: WebhookDelivery) -> str:
    """The same in every attempt, in the API and for staff."""
    return str(delivery)


def parse_public_id(text: str) -> uuid.UUID | None:
    found = _PUBLIC_ID.fullmatch(text)
    return uuid.UUID(found[1]) if found else None


def job_body(delivery: WebhookDelivery, job: GenerationJob) -> str:
    """Of a job that has ended. It needs nothing of what retention deletes."""
    return _written(delivery.event, job.finished_at or delivery.created_at, _data(job))


def test_body(delivery: WebhookDelivery) -> str:
    return _written(Event.TEST, delivery.created_at, {"webhook": str(delivery.endpoint_id)})


def _written(event: str, moment: datetime, data: dict[str, Any]) -> str:
    message = {"type": event, "timestamp": _iso(moment), "data": data}
    return json.dumps(message, ensure_ascii=False, separators=(",", ":"))


def _data(job: GenerationJob) -> dict[str, Any]:
    return {
        "id": str(job.pk),
        "status": job.status,
        "generator": job.generator,
        "metadata": job.metadata,
        "created_at": _iso(job.created_at),
        "finished_at": job.finished_at and _iso(job.finished_at),
        "status_url": _STATUS_URL.format(id=job.pk),
        "rerun_of": job.rerun_of and str(job.rerun_of),
        "warnings": job.warnings,
        "error": _error(job),
    }


def _error(job: GenerationJob) -> dict[str, str] | None:
    if job.status != JobStatus.FAILED:
        return None
    public = API_ERRORS.get(job.error_code, API_ERRORS["internal_error"])
    return {"code": public.code, "message": job.error_message}


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
