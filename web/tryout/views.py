"""Trying out a generator as its form says, saved or not. The form itself is a page of the admin
(generators/admin), whose panel sends all of it here."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from background.threads import in_thread
from llmbackends.errors import ConfigurationError

from ..access import needs
from ..event_stream import event, stream_response
from ..playground.answers import Ended, Events, Failed, Item, event_of
from ..playground.asking import asker_of, chosen_by, refusal
from ..playground.conversation import Unacceptable, read_config_id
from .asking import Tried, TryOut
from .reading import Entered, Errors, Gone, generator_admin, read

CHANGE, USE = "generators.change_generator", "generation.use_playground"
ROUTE = "tryout"
_PART = "admin/generators/generator/partials/_trial.html"


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of it: one of these is there."""

    tried: Tried | None = None
    failed: Failed | None = None
    errors: Errors = ()


@needs(CHANGE, USE)
@require_POST
async def stream(request: HttpRequest) -> HttpResponseBase:
    """The answer as server-sent events, the last of which brings the part of the page that tells all of it;
    what goes wrong before the first piece is that part, with a status."""
    try:
        begun = await _begun(request, await in_thread(read, request), is_streamed=True)
    except Gone:
        begun = Trial(failed=Failed(404, _("The version is not there any more.")))
    if isinstance(begun, Trial):
        return _part(request, begun)
    first = await begun.first()
    if isinstance(first, Failed):
        return _part(request, Trial(failed=first))
    return stream_response(Events(begun, as_event=_event_of))


@needs(CHANGE, USE)
@require_POST
async def tryout(request: HttpRequest) -> HttpResponse:
    """Without JavaScript: the whole form again, with what was entered and what came of it."""
    try:
        entered = await in_thread(read, request)
    except Gone:
        return await in_thread(_back_to_list, request)
    begun = await _begun(request, entered, is_streamed=False)
    trial = begun if isinstance(begun, Trial) else await _ended(begun)
    return await in_thread(_page, request, entered, trial)


async def _begun(request: HttpRequest, entered: Entered, *, is_streamed: bool) -> TryOut | Trial:
    if entered.definition is None or entered.given is None:
        return Trial(errors=entered.errors)
    try:
        chosen = await chosen_by(request)
        asker = await asker_of(request, route=ROUTE)
        return TryOut(entered.definition, entered.given, asker, chosen=chosen, is_streamed=is_streamed)
    except (Unacceptable, ConfigurationError) as error:
        return Trial(failed=refusal(error))


async def _ended(answer: TryOut) -> Trial:
    await answer.first()
    trial = Trial()
    async with aclosing(answer.items()) as items:
        async for item in items:
            if isinstance(item, Ended | Failed):
                trial = _trial_of(item)
    return trial


def _trial_of(item: Ended | Failed) -> Trial:
    if isinstance(item, Failed):
        return Trial(failed=item)
    assert isinstance(item, Tried)
    return Trial(tried=item)


def _event_of(item: Item) -> bytes:
    if isinstance(item, Ended | Failed):
        return event("end", {"html": render_to_string(_PART, {"trial": _trial_of(item)})})
    return event_of(item)


def _part(request: HttpRequest, trial: Trial) -> HttpResponse:
    status = trial.failed.status if trial.failed else 422
    response = render(request, _PART, {"trial": trial}, status=status)
    response["X-Tryout"] = "1"  # tells it from a page that somebody else answered with
    response._has_been_logged = True  # type: ignore[attr-defined]  # where it was made, with its cause
    return response


def _back_to_list(request: HttpRequest) -> HttpResponse:
    messages.error(request, _("The version is not there any more."))
    return redirect("admin:generators_generator_changelist")


def _page(request: HttpRequest, entered: Entered, trial: Trial) -> HttpResponse:
    try:
        config_id = read_config_id(request.POST)
    except Unacceptable:
        config_id = None
    return generator_admin().tried_page(
        request,
        entered.form,
        entered.generator,
        sample=entered.sample,
        config_id=config_id,
        trial=trial,
    )
