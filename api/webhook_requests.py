"""What a client may say of its webhooks."""

from __future__ import annotations

from typing import Annotated, Literal, cast

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from generation.selectors import CURSOR_PATTERN as ENDPOINT_CURSOR_PATTERN
from webhooks import endpoints, policy, selectors
from webhooks.endpoints import Changes
from webhooks.models import Event

from .fields import NO_NUL, Strict, whole, without_nul
from .parameters import cursor_field

EventName = Literal["generation.completed", "generation.failed", "generation.cancelled"]
DeliveryStatusName = Literal["pending", "delivered", "failed"]


def _each_once(names: list[EventName]) -> list[EventName]:
    if len(set(names)) != len(names):
        raise PydanticCustomError("twice", "it names an event twice")
    return names


Url = Annotated[
    str,
    Field(
        min_length=1,
        max_length=policy.MOST_CHARACTERS,
        description="Where messages are sent: https://, or http:// into a network that your administrator "
        "lists. Without a user name, a password or a #fragment, in ASCII.",
        # Which hosts may be called no schema knows.
        json_schema_extra={"pattern": r'^https?://[!-"$-\[\]-~]+$'},
    ),
]
Description = Annotated[
    str,
    Field(
        max_length=endpoints.MOST_CHARACTERS_OF_DESCRIPTION,
        description="Your own words.",
        json_schema_extra=NO_NUL,
    ),
    AfterValidator(without_nul),
]
Events = Annotated[
    list[EventName],
    Field(min_length=1, description="What to tell of.", json_schema_extra={"uniqueItems": True}),
    AfterValidator(_each_once),
]


class Registration(Strict):
    """A webhook to be."""

    url: Url
    description: Description = ""
    events: Events = Field(default_factory=lambda: _names(endpoints.EVENTS))

    def events_asked(self) -> tuple[Event, ...]:
        return _events(self.events)


class Amendment(Strict):
    """What is to change. A field that is absent, or null, stays as it is."""

    url: Url | None = None
    description: Description | None = None
    events: Events | None = None
    enabled: bool | None = Field(None, description="Whether messages are sent.")

    def as_changes(self) -> Changes:
        return Changes(
            url=self.url,
            description=self.description,
            events=None if self.events is None else _events(self.events),
            is_enabled=self.enabled,
        )


class Rotation(Strict):
    """How the old secret ends."""

    keep_old_for_s: Annotated[int, BeforeValidator(whole)] = Field(
        endpoints.KEEP_OLD_FOR_S,
        ge=0,
        le=endpoints.MOST_KEEP_OLD_FOR_S,
        description="For how many seconds messages are signed with the old secret as well; 0 ends it at "
        "once.",
    )


class WebhookListing(BaseModel):
    cursor: str | None = cursor_field(ENDPOINT_CURSOR_PATTERN)
    limit: int = Field(20, ge=1, le=selectors.MAX_PAGE, description="How many at most.")


class DeliveryListing(BaseModel):
    status: DeliveryStatusName | None = Field(None, description="Only deliveries in this status.")
    cursor: str | None = cursor_field(selectors.CURSOR_PATTERN)
    limit: int = Field(20, ge=1, le=selectors.MAX_PAGE, description="How many at most.")


def _events(names: list[EventName]) -> tuple[Event, ...]:
    return tuple(Event(name) for name in names)


def _names(events: tuple[Event, ...]) -> list[EventName]:
    return [cast(EventName, event.value) for event in events]
