"""One's jobs, and with the permission those of everybody: the list, one job live, and the way to cancel."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, cast

import structlog
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from background.threads import give_thread_back, in_thread
from generation import selectors
from generation.accepting import submission
from generation.errors import InvalidRequest, JobFinished, JobNotFound
from generation.following import watching
from generation.following.attended import Moment, attended
from generation.models import GenerationJob, JobStatus
from generation.requests import given_of
from llmbackends.types import ImagePart, JsonObject, Message
from llmconfigs import wording

from .access import logged_in
from .event_stream import HEARTBEAT, HEARTBEAT_S, event, stream_response
from .next_page import safe_next
from .parts import whole_or_part
from .sentences import sentence, warning_sentence

log = structlog.get_logger(__name__)

PAGE = 25
SHOWN_CHARACTERS = 20_000
"""Of each message of a request, which may be megabytes."""
SEE_ALL, CANCEL_ALL = "generation.view_generationjob", "generation.change_generationjob"


@dataclass(frozen=True, slots=True)
class Said:
    """A message of the request. `images`: how many came with it."""

    role: str
    text: str
    images: int = 0
    is_cut: bool = False


@logged_in
@require_safe
@vary_on_headers("HX-Request")
def jobs(request: HttpRequest) -> HttpResponse:
    status = request.GET.get("status", "")
    cursor = request.GET.get("cursor") or None
    try:
        page = selectors.jobs_page(
            request.user,  # type: ignore[arg-type]
            status=JobStatus(status) if status in JobStatus.values else None,
            cursor=cursor,
            limit=PAGE,
        )
    except InvalidRequest:
        return redirect("web:jobs")
    sees_all = request.user.has_perm(SEE_ALL)
    context = {
        "page": page,
        "status": status,
        "is_first": cursor is None,
        "statuses": JobStatus.choices,
        "sees_all": sees_all,
        "cancels_all": request.user.has_perm(CANCEL_ALL),
    }
    return whole_or_part(request, "web/jobs.html", "web/partials/_jobs.html", context)


@logged_in
@require_safe
@vary_on_headers("HX-Request")
def job(request: HttpRequest, job_id: uuid.UUID) -> HttpResponse:
    found = _find(request, job_id)
    context = {
        "job": found,
        "said": list(_said(found.request)),
        "warnings": [warning_sentence(word) for word in found.warnings],
        "failure": sentence(found.error_code) if found.error_code else "",
        "detail": wording.say(found.failure_detail),
        "may_cancel": _may_cancel(request, found),
        "sees_all": request.user.has_perm(SEE_ALL),
    }
    return whole_or_part(request, "web/job.html", "web/partials/_job.html", context)


@logged_in
@require_POST
def cancel(request: HttpRequest, job_id: uuid.UUID) -> HttpResponse:
    found = _find(request, job_id)
    if not _may_cancel(request, found):
        raise PermissionDenied
    try:
        if _is_own(request, found):
            submission.cancel(found)
        else:
            submission.cancel_as_staff(found)
    except JobFinished:
        messages.warning(request, _("The job had already ended."))
    else:
        messages.success(request, _("The job is being cancelled."))
    return redirect(safe_next(request) or reverse("web:job", args=[found.pk]))


@logged_in
@require_safe
async def job_events(request: HttpRequest, job_id: uuid.UUID) -> HttpResponseBase:
    """Server-sent events: `text` with what is new, or with all of it after a new attempt; `job` when the
    page should ask for the rest anew; the last one is `end`."""
    found = await in_thread(_find_for, await request.auser(), job_id)
    return stream_response(_Events(found.pk))


class _Events:
    """Spelled as an iterable, so that nothing begins before the response does."""

    def __init__(self, job_id: uuid.UUID) -> None:
        self._job_id = job_id

    async def __aiter__(self) -> AsyncIterator[bytes]:
        await give_thread_back()
        told = _Told()
        changes = cast(AsyncGenerator[GenerationJob], watching.changes(self._job_id))
        try:
            async with aclosing(attended(changes, silence_s=HEARTBEAT_S)) as moments:
                async for found in moments:
                    if isinstance(found, GenerationJob):
                        for news in told.news(found):
                            yield news
                    elif found is Moment.SILENCE:
                        yield HEARTBEAT
        except Exception:  # the browser connects again by itself
            log.exception("job_events_failed", job_id=str(self._job_id))


@dataclass
class _Told:
    """What the page knows already."""

    status: str = ""
    text: str = ""
    tokens: int = 0

    def news(self, job: GenerationJob) -> Iterator[bytes]:
        """The text first, so that nothing follows the last status."""
        if job.text != self.text:
            goes_on = self.text and job.text.startswith(self.text)
            yield event("text", {"append": job.text[len(self.text) :]} if goes_on else {"text": job.text})
            self.text = job.text
        if job.tokens != self.tokens:
            self.tokens = job.tokens
            yield event("tokens", {"tokens": job.tokens})
        if job.status != self.status:
            self.status = job.status
            yield event("status", {"status": job.status, "is_finished": job.is_finished})


def _find(request: HttpRequest, job_id: uuid.UUID) -> GenerationJob:
    return _find_for(request.user, job_id)


def _find_for(user: Any, job_id: uuid.UUID) -> GenerationJob:
    """Raises Http404, for somebody else's job as well."""
    try:
        return selectors.job_for(user, job_id)
    except JobNotFound:
        raise Http404 from None


def _is_own(request: HttpRequest, job: GenerationJob) -> bool:
    return job.key.owner_id == request.user.pk


def _may_cancel(request: HttpRequest, job: GenerationJob) -> bool:
    return _is_own(request, job) or request.user.has_perm(CANCEL_ALL)


def _said(request: dict[str, Any]) -> Iterator[Said]:
    """The request as it can be shown: images are counted, long texts are cut."""
    given = given_of(request)
    for message in given.messages or (Message("user", _shown(given.input)),):
        images = sum(isinstance(part, ImagePart) for part in message.parts)
        is_cut = len(message.text) > SHOWN_CHARACTERS
        yield Said(message.role, message.text[:SHOWN_CHARACTERS], images, is_cut)


def _shown(given: JsonObject | None) -> str:
    """An input that is but a prompt as the prompt, any other as JSON."""
    match given:
        case {"prompt": str(prompt), **others} if not others:
            return prompt
    return json.dumps(given, ensure_ascii=False, indent=2)
