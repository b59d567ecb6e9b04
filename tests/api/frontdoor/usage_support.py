"""Routes that leave usage records, and what stands in one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llmconfigs.models import LLMConfig
from tests.api.callers import Caller
from tests.api.frontdoor import upstream
from tests.api.frontdoor.chat import HELLO, URL
from tests.llmbackends import faults
from tests.waiting import wait_until
from usage import writer
from usage.entries import Outcome
from usage.models import UsageRecord

Activate = Callable[..., LLMConfig]
ROUTES: dict[str, tuple[str, dict[str, Any]]] = {
    URL: ("chat.completions", HELLO),
    "/v1/completions": ("completions", {"model": "default", "prompt": "Hello"}),
    "/v1/responses": ("responses", {"model": "default", "input": "Hello"}),
    "/v1/messages": ("messages", {**HELLO, "max_tokens": 9}),
    "/v1/embeddings": ("embeddings", {"model": "default", "input": "Hello"}),
}
STREAMING = [url for url in ROUTES if url != "/v1/embeddings"]
MESSAGE = {"index": 0, "message": {"content": "The tide comes."}, "finish_reason": "stop"}
END = 'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'
UNCOUNTED = faults.answer(200, {"choices": [MESSAGE]})
UNCOUNTED_STREAM = faults.events(upstream.delta("The tide"), upstream.delta(" comes."), END)
COUNTED = faults.answer(
    200, {"choices": [MESSAGE], "usage": {"prompt_tokens": 30, "completion_tokens": 40, "total_tokens": 70}}
)


def record_of(caller: Caller) -> UsageRecord:
    """The only one."""
    assert writer.flush(5)
    return UsageRecord.objects.get(api_key=caller.key)


def record_to_come(caller: Caller) -> UsageRecord:
    """The only one; for requests whose end the client does not see."""
    wait_until(lambda: writer.flush(5) and caller.key.usage_records.exists(), timeout_s=5)
    return record_of(caller)


def tokens(record: UsageRecord) -> tuple[int, int, bool]:
    return record.prompt_tokens, record.completion_tokens, record.is_estimated


def ending(record: UsageRecord) -> tuple[str, str]:
    return record.outcome, record.error_code


def answering_config(record: UsageRecord) -> tuple[int | None, str, str, str]:
    return record.config_id, record.config_name, record.provider, record.model_name


COMPLETED = (Outcome.COMPLETED, "")
CANCELLED = (Outcome.CANCELLED, "")
