"""The operations on generations."""

from __future__ import annotations

import uuid
from typing import Annotated

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from ninja import Body, Query, Router
from pydantic import BaseModel, Field

from apikeys.models import ApiKey
from background.threads import in_thread
from generation import selectors
from generation.accepting import submission
from generation.models import GenerationJob, JobStatus

from . import headers
from .answers import Generation, GenerationList, Status, generation
from .authentication import to_cancel, to_read, to_submit
from .errors import ApiError
from .event_streams import event_stream
from .limited import within_limits
from .openapi import RATE_LIMIT_HEADERS, documented, header_parameter, json_examples
from .parameters import cursor_field, refuse_stray_parameters
from .requests import Submission
from .responses import json_response

router = Router(tags=["Generations"])

_EVENTS = (
    'event: text\ndata: {"text": "The tide"}\n\nevent: tokens\ndata: {"tokens": 2}\n\n'
    'event: status\ndata: {"status": "completed", …}\n\n'
)
# In OpenAPI 3.1 the schema of an event stream is that of one event.
_EVENT = {
    "type": "object",
    "properties": {
        "event": {"enum": ["status", "text", "tokens", "draining", "error"]},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
}
_IDEMPOTENCY_KEY = header_parameter("Idempotency-Key", "1 to 255 printable characters.", "order-4711")
_REPLAYED = "`true` if the Idempotency-Key had been used before."


class Listing(BaseModel):
    status: Status | None = Field(None, description="Only generations in this status.")
    cursor: str | None = cursor_field(selectors.CURSOR_PATTERN)
    limit: int = Field(20, ge=1, le=selectors.MAX_PAGE, description="How many at most.")


@router.post(
    "/generations",
    auth=to_submit,
    url_name="generations",
    operation_id="submit_generation",
    summary="Submit a generation",
    **documented(
        {200: Generation, 202: Generation},
        413,
        422,
        429,
        descriptions={200: "Finished within the time of `Prefer: wait`.", 202: "Accepted."},
        headers={
            "Location": "Where the generation is.",
            "Preference-Applied": "The wait that was granted.",
            "Idempotent-Replayed": _REPLAYED,
            **RATE_LIMIT_HEADERS,
        },
        parameters=[
            _IDEMPOTENCY_KEY,
            header_parameter("Prefer", "How long to wait for the result, in seconds.", "wait=20"),
        ],
        requestBody=json_examples(
            prompt={"prompt": "Write a haiku about a lighthouse."},
            input={
                "generator": "json-v1",
                "input": {"prompt": "Name three lighthouses."},
            },
            messages={
                "messages": [
                    {"role": "system", "content": "Answer in one sentence."},
                    {"role": "user", "content": "What is a tide?"},
                ],
                "priority": 2,
                "metadata": {"order": "4711"},
            },
        ),
    ),
)
async def submit_generation(request: HttpRequest, payload: Annotated[Submission, Body()]) -> HttpResponse:
    """Queues one text to generate and answers 202 at once; `status_url` and `Location` say where it is.

    With `Prefer: wait=N` the answer is held back up to N seconds (60 at most): 200 with the finished
    generation if it finishes in that time, else 202.

    With an `Idempotency-Key` the request can be repeated safely: the same key with the same body returns
    the same generation, marked by `Idempotent-Replayed: true`; with another body it is refused.
    """
    raise NotImplementedError("config/asgi.py hands these requests to submitting.py.")


@router.get(
    "/generations",
    auth=to_read,
    url_name="generations",
    operation_id="list_generations",
    summary="List generations",
    **documented({200: GenerationList}, 422, descriptions={200: "A page."}),
)
async def list_generations(request: HttpRequest, listing: Annotated[Listing, Query()]) -> HttpResponse:
    """Your generations, newest first. A key with the scope `manage` sees those of all keys."""
    refuse_stray_parameters(request, Listing)
    page = await in_thread(
        selectors.jobs_page,
        _key(request),
        status=listing.status and JobStatus(listing.status),
        cursor=listing.cursor,
        limit=listing.limit,
    )
    answer = GenerationList(data=[generation(job) for job in page.items], next_cursor=page.next_cursor)
    return json_response(answer.model_dump(mode="json"))


@router.get(
    "/generations/{generation_id}",
    auth=to_read,
    url_name="generation",
    operation_id="get_generation",
    summary="Get a generation",
    **documented({200: Generation}, 404, descriptions={200: "The generation."}),
)
async def get_generation(request: HttpRequest, generation_id: str) -> HttpResponse:
    """The generation as it is now; `result` is set once it is `completed`."""
    return _answer(await _find(request, generation_id))


@router.get(
    "/generations/{generation_id}/events",
    auth=to_read,
    url_name="generation-events",
    operation_id="stream_generation_events",
    summary="Follow a generation",
    **documented(
        {200: None},
        404,
        descriptions={200: "The events."},
        headers={"Cache-Control": "`no-cache`"},
        content={"text/event-stream": {"schema": _EVENT, "example": _EVENTS}},
    ),
)
async def stream_generation_events(request: HttpRequest, generation_id: str) -> StreamingHttpResponse:
    """Server-sent events until the generation is finished; for a finished one, its last events.

    - `status`: the generation, as from GET, whenever its status changes. After `completed`, `failed` or
      `cancelled` the stream ends.
    - `text`: `{"text": "…"}`, all of the text so far, whenever it grows.
    - `tokens`: `{"tokens": 12}`, how many the text so far took, whenever it grows.
    - `draining`: the server is about to restart. Connect again to go on.
    - `error`: `{"error": …}`, the stream cannot go on. The generation itself may; connect again.

    Lines that start with a colon are comments that keep the connection open.
    """
    job = await _find(request, generation_id)
    response = StreamingHttpResponse(event_stream(job.pk), content_type="text/event-stream; charset=utf-8")
    response["Cache-Control"] = "no-cache"
    response["X-Accel-Buffering"] = "no"
    return response


@router.post(
    "/generations/{generation_id}/cancel",
    auth=to_cancel,
    url_name="generation-cancel",
    operation_id="cancel_generation",
    summary="Cancel a generation",
    **documented({200: Generation}, 404, 409, descriptions={200: "The generation as it is now."}),
)
async def cancel_generation(request: HttpRequest, generation_id: str) -> HttpResponse:
    """A queued generation is cancelled at once; one in progress is stopped within about a second."""
    job = await _find(request, generation_id)
    return _answer(await in_thread(submission.cancel, job))


@router.post(
    "/generations/{generation_id}/rerun",
    auth=to_submit,
    url_name="generation-rerun",
    operation_id="rerun_generation",
    summary="Run a generation again",
    **documented(
        {202: Generation},
        404,
        409,
        422,
        429,
        descriptions={202: "The new generation."},
        headers={
            "Location": "Where the new generation is.",
            "Idempotent-Replayed": _REPLAYED,
            **RATE_LIMIT_HEADERS,
        },
        parameters=[_IDEMPOTENCY_KEY],
    ),
)
async def rerun_generation(request: HttpRequest, generation_id: str) -> HttpResponse:
    """Submits what was asked once more, if the generation has failed or was cancelled.

    The new one has an id of its own and names the first in `rerun_of`.

    With an `Idempotency-Key` this can be repeated safely too: the same key for the same generation returns
    the same new one, marked by `Idempotent-Replayed: true`; for anything else it is refused.
    """

    async def answer() -> HttpResponse:
        job = await _find(request, generation_id)
        idempotency_key = headers.idempotency_key(request.headers)
        submitted = await in_thread(submission.rerun, job, key=_key(request), idempotency_key=idempotency_key)
        response = _accepted(submitted.job, status=202)
        if not submitted.created:
            response["Idempotent-Replayed"] = "true"
        return response

    return await within_limits(_key(request), answer)


def _key(request: HttpRequest) -> ApiKey:
    return request.auth  # type: ignore[attr-defined, no-any-return]


async def _find(request: HttpRequest, generation_id: str) -> GenerationJob:
    """Raises JobNotFound; what is no id at all is not found either."""
    try:
        job_id = uuid.UUID(generation_id)
    except ValueError:
        raise ApiError("not_found", "There is no such generation.") from None
    return await in_thread(selectors.job_for, _key(request), job_id)


def _answer(job: GenerationJob) -> HttpResponse:
    return json_response(generation(job).model_dump(mode="json"))


def _accepted(job: GenerationJob, *, status: int) -> HttpResponse:
    answer = generation(job)
    response = json_response(answer.model_dump(mode="json"), status=status)
    response["Location"] = answer.status_url
    return response
