"""The routes of /v1 on the OpenAPI page. Their bodies are described by the types that read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from ..anthropic.schema import MessagesBody
from ..errors import ERRORS
from ..openai.chat_requests import ChatBody
from ..openai.completions import CompletionBody
from ..openai.embeddings import EmbeddingBody
from ..openai.responses_requests import ResponsesBody
from ..openapi import HEADERS_BY_STATUS, RATE_LIMIT_HEADERS, headers_of

_ERRORS = (400, 401, 403, 404, 405, 413, 429, 500, 502, 503, 504, 508)
_READ_ERRORS = (400, 401, 403, 405, 500, 503, 508)
_HELLO = [{"role": "user", "content": "What is a tide?"}]
_TAG = "Compatible routes"


@dataclass(frozen=True)
class Operation:
    """`body`: the type that reads it; `answer`: the fields that every answer has, with their schemas."""

    path: str
    operation_id: str
    summary: str
    description: str
    body: type[Any]
    answer: Mapping[str, Any]
    example: Mapping[str, Any]
    is_streamed: bool = True
    error_schema: str = "#/components/schemas/ErrorBody"


def _const(value: str) -> dict[str, Any]:
    return {"type": "string", "enum": [value]}


_TEXT = {"type": "string"}
_COUNT = {"type": "integer", "minimum": 0}
_OBJECTS = {"type": "array", "items": {"type": "object"}}
# In OpenAPI 3.1 the schema of an event stream is that of one event.
_EVENT = {"type": "object", "properties": {"event": _TEXT, "data": _TEXT}}
_USAGE = {"type": "object", "required": ["total_tokens"], "additionalProperties": True}

OPERATIONS = (
    Operation(
        "/v1/chat/completions",
        "create_chat_completion",
        "Chat",
        "Answers a conversation, plain or, with `stream`, as server-sent events, `data: [DONE]` last. One "
        "that fails ends with an event that has an `error`, and without `[DONE]`. Lines that start with a "
        "colon are comments that keep the connection open.\n\nWhat is not described here is ignored, "
        "`parallel_tool_calls` for example. So are parameters of sampling, unless the administrator has "
        "opened them.",
        ChatBody,
        {"id": _TEXT, "object": _const("chat.completion"), "created": _COUNT, "model": _TEXT,
         "choices": _OBJECTS, "usage": _USAGE},
        {"model": "default", "messages": _HELLO},
    ),
    Operation(
        "/v1/completions",
        "create_completion",
        "Complete a text",
        "Goes on with a bare prompt, as editor plug-ins send it; else as `/v1/chat/completions`.",
        CompletionBody,
        {"id": _TEXT, "object": _const("text_completion"), "created": _COUNT, "model": _TEXT,
         "choices": _OBJECTS, "usage": _USAGE},
        {"model": "default", "prompt": "The tide"},
    ),
    Operation(
        "/v1/responses",
        "create_response",
        "Respond",
        "Answers an input, plain or as a stream of events. Nothing is kept between two requests: send the "
        "whole conversation in `input`. `parallel_tool_calls` is ignored: several calls may come at once.",
        ResponsesBody,
        {"id": _TEXT, "object": _const("response"), "created_at": {"type": "number"}, "model": _TEXT,
         "output": _OBJECTS, "status": _TEXT},
        {"model": "default", "input": "What is a tide?"},
    ),
    Operation(
        "/v1/messages",
        "create_message",
        "Message",
        "Answers a conversation in the form of content blocks, plain or as a stream of events. "
        "`disable_parallel_tool_use` is ignored: several calls may come at once.",
        MessagesBody,
        {"id": _TEXT, "type": _const("message"), "role": _const("assistant"), "model": _TEXT,
         "content": _OBJECTS, "usage": {"type": "object"}},
        {"model": "default", "max_tokens": 100, "messages": _HELLO},
        error_schema="#/components/schemas/v1.MessagesError",
    ),
    Operation(
        "/v1/embeddings",
        "create_embeddings",
        "Embed",
        "A vector for each text.",
        EmbeddingBody,
        {"object": _const("list"), "data": _OBJECTS, "model": _TEXT, "usage": _USAGE},
        {"model": "default", "input": ["high tide", "low tide"]},
        is_streamed=False,
    ),
)  # fmt: skip


def add_front_door(schema: dict[str, Any]) -> None:
    """Adds the routes and their components to an OpenAPI document."""
    schemas = schema["components"]["schemas"]
    schemas["v1.MessagesError"] = _MESSAGES_ERROR
    schemas["v1.Model"] = _MODEL
    for operation in OPERATIONS:
        body = _add_components(schemas, operation)
        schema["paths"][operation.path] = {"post": _described(operation, body)}
    schema["paths"]["/v1/models"] = {"get": _models()}
    schema["paths"]["/v1/models/{model}"] = {"get": _model()}


def _add_components(schemas: dict[str, Any], operation: Operation) -> dict[str, Any]:
    """Returns the body's schema. Each route has names of its own: two may use one for different things."""
    prefix = f"v1.{operation.operation_id}"
    (body,), components = msgspec.json.schema_components(
        [operation.body], ref_template=f"#/components/schemas/{prefix}.{{name}}"
    )
    for name, component in components.items():
        component.pop("description", None)  # the docstring, which speaks to us
        schemas[f"{prefix}.{name}"] = component
    return body


def _described(operation: Operation, body: Mapping[str, Any]) -> dict[str, Any]:
    content = {"application/json": {"schema": _object(operation.answer)}}
    if operation.is_streamed:
        content["text/event-stream"] = {"schema": _EVENT}
    example = {"schema": body, "example": operation.example}
    return {
        "operationId": operation.operation_id,
        "summary": operation.summary,
        "description": operation.description,
        "tags": [_TAG],
        "requestBody": {"required": True, "content": {"application/json": example}},
        "responses": _responses(content, _ERRORS, operation.error_schema),
    }


def _models() -> dict[str, Any]:
    models = {
        "object": _const("list"),
        "data": {"type": "array", "items": {"$ref": "#/components/schemas/v1.Model"}},
    }
    return {
        "operationId": "list_models",
        "summary": "List models",
        "description": "The one model, under its public name.",
        "tags": [_TAG],
        "responses": _responses({"application/json": {"schema": _object(models)}}, _READ_ERRORS),
    }


def _model() -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/v1.Model"}}}
    return {
        "operationId": "get_model",
        "summary": "Get a model",
        "description": "The model of this name.",
        "tags": [_TAG],
        "parameters": [{"in": "path", "name": "model", "required": True, "schema": {"type": "string"}}],
        "responses": _responses(content, (*_READ_ERRORS, 404)),
    }


def _responses(
    content: Mapping[str, Any], errors: Sequence[int], error_schema: str = "#/components/schemas/ErrorBody"
) -> dict[str, Any]:
    success = {"description": "The answer.", "headers": headers_of(RATE_LIMIT_HEADERS), "content": content}
    return {"200": success, **{str(status): _error(status, error_schema) for status in sorted(errors)}}


def _error(status: int, error_schema: str) -> dict[str, Any]:
    """What is 422 elsewhere is 400 here."""
    statuses = (400, 422) if status == 400 else (status,)
    codes = [public.code for public in ERRORS.values() if public.status in statuses]
    return {
        "description": " or ".join(f"`{code}`" for code in codes),
        "headers": headers_of(HEADERS_BY_STATUS.get(status, {})),
        "content": {"application/json": {"schema": {"$ref": error_schema}}},
    }


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": list(properties), "properties": dict(properties)}


_MODEL = _object({"id": _TEXT, "object": _const("model"), "created": _COUNT, "owned_by": _TEXT})
_MESSAGES_ERROR = _object(
    {"type": _const("error"), "error": _object({"type": _TEXT, "message": _TEXT}), "request_id": _TEXT}
)
