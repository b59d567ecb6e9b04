"""What the OpenAPI page says of the messages that webhooks get."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field
from pydantic.json_schema import models_json_schema

from .answers import Status
from .webhook_requests import EventName

_REFERENCES = "#/components/schemas/{model}"


class MessageError(BaseModel):
    code: str
    message: str


class EndedGeneration(BaseModel):
    """What a message tells of a generation. Its result is fetched from `status_url`."""

    id: UUID
    status: Status
    generator: str
    metadata: dict[str, str]
    created_at: datetime
    finished_at: datetime
    status_url: str
    rerun_of: UUID | None
    warnings: list[str]
    error: MessageError | None = Field(description="Set if and only if the status is `failed`.")


class EndedMessage(BaseModel):
    """A generation has ended."""

    type: EventName
    timestamp: datetime = Field(description="When it ended.")
    data: EndedGeneration


class TriedWebhook(BaseModel):
    webhook: UUID


class TrialMessage(BaseModel):
    """Somebody has asked for a test."""

    type: Literal["webhook.test"]
    timestamp: datetime
    data: TriedWebhook


_HEADERS = {
    "webhook-id": "The same in every attempt to send this message.",
    "webhook-timestamp": "When this attempt was made, in seconds of Unix time.",
    "webhook-signature": "`v1,` and in base64 the HMAC-SHA256 of `id.timestamp.body` by the secret; "
    "two of them, with a space between, while a secret is being replaced.",
}


def add_messages(page: dict[str, Any]) -> None:
    """As the webhooks of OpenAPI 3.1."""
    messages = (EndedMessage, TrialMessage)
    found, schemas = models_json_schema(
        [(each, "serialization") for each in messages], ref_template=_REFERENCES
    )
    page["components"]["schemas"] |= schemas["$defs"]
    page["webhooks"] = {"message": {"post": _operation(list(found.values()))}}


def _operation(schemas: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "operationId": "receive_message",
        "tags": ["Webhooks"],
        "summary": "What a webhook gets",
        "description": "Sent to the URL of a webhook. Check the signature before you believe it.",
        "security": [],
        "parameters": [
            {
                "in": "header",
                "name": name,
                "required": True,
                "description": description,
                "schema": {"type": "string"},
            }
            for name, description in _HEADERS.items()
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": {"oneOf": schemas}}}},
        "responses": {"2XX": {"description": "It is taken. Any other answer, and it is sent again."}},
    }
