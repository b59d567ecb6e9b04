"""What a client gets to see of a job, and nothing else: each field is named here."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Any, Literal, cast
from uuid import UUID

from django.urls import reverse
from pydantic import BaseModel, Field

from generation.failures import API_ERRORS
from generation.models import GenerationJob, JobStatus

Status = Literal["queued", "in_progress", "completed", "failed", "cancelled"]
FinishReason = Literal["stop", "length", "tool_calls", "content_filter"]


class Error(BaseModel):
    code: str = Field(description="For programs: one of the codes listed with each answer.")
    message: str = Field(description="For people: what went wrong, and where it helps, what to do.")
    type: str = Field(description="The class of the error.")
    param: str | None = Field(description="The field of the request that is wrong, if it is one.")


class ErrorBody(BaseModel):
    error: Error


class ToolCall(BaseModel):
    id: str
    name: str
    arguments: str = Field(description="JSON text, as it was generated.")


class Result(BaseModel):
    text: str = Field(
        description="As it was generated; of a generator of JSON or of a code block, without what stood "
        "around that."
    )
    data: Any = Field(description="The value that a generator of JSON has made; null with any other.")
    tool_calls: list[ToolCall]
    finish_reason: FinishReason


class Usage(BaseModel):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class Meta(BaseModel):
    generator: str = Field(description="The generator that answers, with its version.")
    timestamp: datetime = Field(description="When the generation reached its present status.")


class Generation(BaseModel):
    id: UUID
    object: Literal["generation"] = "generation"
    status: Status
    priority: int
    metadata: dict[str, str]
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    status_url: str
    events_url: str
    result: Result | None = Field(
        description="Set if and only if the status is `completed` and the result has not expired."
    )
    result_expired: bool = Field(
        description="Whether the request and the result have been deleted: they are kept for a limited time."
    )
    usage: Usage | None = Field(description="Null where the tokens were not counted.")
    error: Error | None = Field(description="Set if and only if the status is `failed`.")
    warnings: list[str] = Field(
        description="`output_incomplete`: the text does not have the form that its generator promises, and "
        "is passed on as it is."
    )
    rerun_of: UUID | None = Field(description="The generation that this one runs again.")
    meta: Meta


class GenerationList(BaseModel):
    object: Literal["list"] = "list"
    data: list[Generation]
    next_cursor: str | None = Field(description="For the parameter `cursor`; null on the last page.")


def generation(job: GenerationJob) -> Generation:
    return Generation(
        id=job.id,
        status=cast(Status, job.status),
        priority=job.priority,
        metadata=job.metadata,
        created_at=job.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
        status_url=_url("api:generation", job.id),
        events_url=_url("api:generation-events", job.id),
        result=_result(job),
        result_expired=job.result_expired_at is not None,
        usage=_usage(job),
        error=_error(job),
        warnings=job.warnings,
        rerun_of=job.rerun_of,
        meta=Meta(generator=job.generator, timestamp=job.finished_at or job.started_at or job.created_at),
    )


def _url(name: str, job_id: UUID) -> str:
    return _url_with_gap(name).replace(_GAP, str(job_id))


@lru_cache(maxsize=8)
def _url_with_gap(name: str) -> str:
    """Django takes a while to make a URL, and only the id differs."""
    return reverse(name, args=[_GAP])


_GAP = "ID"


def _result(job: GenerationJob) -> Result | None:
    if job.status != JobStatus.COMPLETED or job.result_expired_at is not None:
        return None
    return Result(
        text=job.text,
        data=job.data,
        tool_calls=_tool_calls(job.tool_calls),
        finish_reason=cast(FinishReason, job.finish_reason),
    )


def _tool_calls(calls: list[dict[str, Any]]) -> list[ToolCall]:
    """With ids of our own: the form of the model's would tell which service made them."""
    return [
        ToolCall(id=f"call_{number}", name=call["name"], arguments=call["arguments"])
        for number, call in enumerate(calls, start=1)
    ]


def _usage(job: GenerationJob) -> Usage | None:
    if job.prompt_tokens is None or job.completion_tokens is None:
        return None
    return Usage(
        prompt_tokens=job.prompt_tokens,
        completion_tokens=job.completion_tokens,
        total_tokens=job.prompt_tokens + job.completion_tokens,
    )


def _error(job: GenerationJob) -> Error | None:
    if job.status != JobStatus.FAILED:
        return None
    public = API_ERRORS.get(job.error_code, API_ERRORS["internal_error"])
    return Error(code=public.code, message=job.error_message, type=public.type, param=public.param)
