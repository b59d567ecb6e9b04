"""Error bodies in the forms that the services use."""

from __future__ import annotations

from typing import Any

import pytest

from llmbackends.wire import Wire, WireError, anthropic_messages, ollama, openai_chat

WIRES = [openai_chat, anthropic_messages, ollama]


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (
            {"error": {"message": "no", "type": "invalid_request_error", "param": None, "code": "too_long"}},
            WireError("no", "too_long"),
        ),
        (
            {"error": {"message": "no", "type": "invalid_request_error", "code": None}},
            WireError("no", "invalid_request_error"),
        ),
        (
            {
                "type": "error",
                "error": {"type": "overloaded_error", "message": "Overloaded"},
                "request_id": "r",
            },
            WireError("Overloaded", "overloaded_error"),
        ),
        (
            {
                "error": {
                    "code": 400,
                    "message": "too long",
                    "type": "exceed_context_size_error",
                    "n_ctx": 512,
                }
            },
            WireError("too long", "exceed_context_size_error", 400),
        ),
        (
            {"error": {"message": "busy", "type": "internal_server_error", "status_code": 503}},
            WireError("busy", "internal_server_error", 503),
        ),
        (
            {"error": {"code": 429, "message": "Provider returned error", "metadata": {"raw": "later"}}},
            WireError("Provider returned error: later", "", 429),
        ),
        (
            {"object": "error", "message": "no", "type": "BadRequestError", "code": 400},
            WireError("no", "BadRequestError", 400),
        ),
        ({"error": "model 'x' not found"}, WireError("model 'x' not found")),
        ({"error": {"message": "no", "code": "1301"}}, WireError("no")),
        ({"error": {"reason": "odd"}}, WireError("{'reason': 'odd'}")),
        ({"detail": "Not Found"}, WireError("Not Found")),
        ({"detail": [{"msg": "field required"}]}, WireError("[{'msg': 'field required'}]")),
        ({"error": None}, None),
        ({"message": "no"}, None),
        ({}, None),
        ([], None),
        ("no", None),
        (None, None),
    ],
)
def test_error_body_is_read(wire: Wire, payload: Any, expected: WireError | None) -> None:
    assert wire.decode_error(payload, options={}) == expected
