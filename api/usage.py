"""What a key has used."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router
from pydantic import BaseModel, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from background.threads import in_thread
from usage.selectors import DaySums, daily_sums

from .authentication import to_read
from .errors import ApiError
from .openapi import documented
from .parameters import refuse_stray_parameters
from .responses import json_response

DEFAULT_DAYS = 30
MOST_DAYS = 366
_FIRST, _LAST = date(2000, 1, 1), date(2999, 12, 31)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

router = Router(tags=["Usage"])


def _as_day(text: Any) -> Any:
    """pydantic alone would also read a number of seconds, or a time."""
    if isinstance(text, str) and not _DAY.fullmatch(text):
        raise PydanticCustomError("day", "give a day as 2026-12-31")
    return text


Day = Annotated[date, BeforeValidator(_as_day), Field(ge=_FIRST, le=_LAST)]


class Period(BaseModel):
    first: Day | None = Field(
        None,
        alias="from",
        description=f"The first day, in UTC. Without it: {DEFAULT_DAYS - 1} days before the last.",
    )
    last: Day | None = Field(
        None, alias="to", description="The last day, in UTC, itself included. Without it: today."
    )

    def days(self, today: date) -> tuple[date, date]:
        """The first and the last. Raises ApiError for those in the wrong order, and for too many."""
        last = self.last or today
        first = self.first or last - timedelta(days=DEFAULT_DAYS - 1)
        if first > last:
            raise ApiError("invalid_request", "The first day comes after the last one.", param="from")
        if (last - first).days >= MOST_DAYS:
            raise ApiError("invalid_request", f"Ask for {MOST_DAYS} days at most.", param="from")
        return first, last


class Used(BaseModel):
    requests: int = Field(description="Those that were turned away do not count.")
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class UsedInDay(Used):
    date: date


class UsageReport(BaseModel):
    object: Literal["list"] = "list"
    data: list[UsedInDay] = Field(description="The days that had requests, the first one first.")
    total: Used
    first: date = Field(alias="from")
    last: date = Field(alias="to")


@router.get(
    "/usage",
    auth=to_read,
    url_name="usage",
    operation_id="get_usage",
    summary="Get usage by day",
    by_alias=True,
    **documented({200: UsageReport}, 422, descriptions={200: "The sums."}),
)
async def get_usage(request: HttpRequest, period: Annotated[Period, Query()]) -> HttpResponse:
    """What requests with your key used, summed by the day they began on, in UTC.

    Of a queued generation each attempt is a request. Where tokens could not be counted they are estimated.
    """
    refuse_stray_parameters(request, Period)
    first, last = period.days(datetime.now(UTC).date())
    key_id: int = request.auth.pk  # type: ignore[attr-defined]
    return json_response(_report(await in_thread(daily_sums, key_id, first, last), first, last))


def _report(days: Sequence[DaySums], first: date, last: date) -> dict[str, Any]:
    report = UsageReport.model_validate(
        {
            "data": [{"date": day.day, **_used([day])} for day in days],
            "total": _used(days),
            "from": first,
            "to": last,
        }
    )
    return report.model_dump(mode="json", by_alias=True)


def _used(days: Sequence[DaySums]) -> dict[str, int]:
    return {name: sum(getattr(day, name) for day in days) for name in Used.model_fields}
