"""What attempts to deliver a message come to."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from webhooks.endings import Result
from webhooks.models import AttemptOutcome


def result(outcome: AttemptOutcome, **fields: Any) -> Result:
    return Result(outcome, datetime.now(UTC), 0.25, **fields)


DELIVERED = result(AttemptOutcome.DELIVERED, status_code=204)
REFUSED = result(AttemptOutcome.HTTP_STATUS, status_code=500, reason="It answered with HTTP 500.")
GONE = result(AttemptOutcome.HTTP_STATUS, status_code=410, reason="It answered with HTTP 410.")
BUSY = result(AttemptOutcome.HTTP_STATUS, status_code=429, retry_after_s=600.0)
