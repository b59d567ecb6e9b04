"""The response object: https://platform.openai.com/docs/api-reference/responses/object"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from generation.failures import PublicError
from llmbackends.types import ChatResult, FinishReason, TokenUsage

from ..frontdoor.dialect import Ask, Stamp
from . import schema
from .responses_items import Status, call_id, call_object, message_id, message_object
from .responses_requests import ResponsesBody

Json = Mapping[str, Any]

_INCOMPLETE: Final = {
    FinishReason.LENGTH: "max_output_tokens",
    FinishReason.CONTENT_FILTER: "content_filter",
}
_FAILURES: Final = {
    "rate_limit_exceeded": "rate_limit_exceeded",
    "budget_exceeded": "rate_limit_exceeded",
    "context_length_exceeded": "invalid_prompt",
    "invalid_request": "invalid_prompt",
}


def answer(ask: Ask, result: ChatResult, usage: TokenUsage, stamp: Stamp) -> bytes:
    output = _output(result, stamp)
    return msgspec.json.encode(ended(ask.details, stamp, result.finish_reason, output, usage))


def in_progress(asked: ResponsesBody, stamp: Stamp) -> Json:
    return _response(asked, stamp, status="in_progress")


def ended(
    asked: ResponsesBody, stamp: Stamp, reason: FinishReason, output: Sequence[Json], usage: TokenUsage
) -> Json:
    details = {"reason": _INCOMPLETE[reason]} if reason in _INCOMPLETE else None
    return _response(
        asked,
        stamp,
        status=status_of_last(reason),
        output=output,
        usage=_usage(usage),
        incomplete_details=details,
    )


def failed(asked: ResponsesBody, stamp: Stamp, error: PublicError) -> Json:
    """Without output: what was written of it is not to be used. The codes are those of OpenAI's schema."""
    told = {"code": _FAILURES.get(error.code, "server_error"), "message": str(error.message)}
    return _response(asked, stamp, status="failed", error=told)


def status_of_last(reason: FinishReason) -> Status:
    """Of the whole answer, and of the item that was being written when it ended."""
    return "incomplete" if reason in _INCOMPLETE else "completed"


def _output(result: ChatResult, stamp: Stamp) -> list[Json]:
    """The items in their order; an answer without a text and calls is an empty text."""
    items: list[Json] = []
    status = status_of_last(result.finish_reason)
    if result.text or not result.tool_calls:
        text_status = "completed" if result.tool_calls else status
        items.append(message_object(message_id(stamp, 0), text_status, result.text, result.logprobs))
    for number, call in enumerate(result.tool_calls):
        is_last = number == len(result.tool_calls) - 1
        items.append(
            call_object(
                call_id(stamp, len(items)),
                status if is_last else "completed",
                stamp.tool_call_id(0, number),
                call.name,
                call.arguments,
            )
        )
    return items


def _usage(usage: TokenUsage) -> Json:
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": usage.total_tokens,
    }


def _response(
    asked: ResponsesBody,
    stamp: Stamp,
    *,
    status: str,
    output: Sequence[Json] = (),
    usage: Json | None = None,
    error: Json | None = None,
    incomplete_details: Json | None = None,
) -> Json:
    return {
        "id": f"resp_{stamp.id}",
        "object": "response",
        "created_at": stamp.created,
        "status": status,
        "model": stamp.model,
        "output": output,
        "usage": usage,
        "error": error,
        "incomplete_details": incomplete_details,
        **_repeated(asked),
        "background": False,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None},
        "store": False,
        "truncation": "disabled",
    }


def _repeated(asked: ResponsesBody) -> Json:
    """What the client said itself, or the defaults of the API's documentation: never what was really used."""
    return {
        "instructions": asked.instructions,
        "max_output_tokens": asked.max_output_tokens,
        "metadata": asked.metadata or {},
        "parallel_tool_calls": True,  # a wish for the opposite is ignored
        "temperature": 1.0 if asked.temperature is None else asked.temperature,
        "text": {"format": (asked.text and asked.text.format) or schema.AnyText()},
        "tool_choice": asked.tool_choice or "auto",
        "tools": asked.tools or [],
        "top_logprobs": asked.top_logprobs or 0,
        "top_p": 1.0 if asked.top_p is None else asked.top_p,
    }
