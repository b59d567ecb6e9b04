from __future__ import annotations

from contextlib import aclosing
from dataclasses import replace

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_POST, require_safe

from background.threads import in_thread
from epochs.current import current
from generation.answering import choices
from generators.definition import Definition
from generators.known import known
from llmbackends.errors import ConfigurationError
from llmconfigs.selection import ActiveSpec

from ..access import needs
from ..event_stream import stream_response
from .answers import Again, Answer, Asker, Ended, Events, Failed, Piece, describe
from .asking import asker_of, chosen_by, refusal
from .conversation import Ask, Turn, Unacceptable, read_ask, read_config_id, read_generator, read_turns
from .page import Column, Page, render_page

USE = "generation.use_playground"


@needs(USE)
@require_safe
def playground(request: HttpRequest) -> HttpResponse:
    return render_page(request, Page())


@needs(USE)
@require_POST
async def stream(request: HttpRequest) -> HttpResponseBase:
    """One answer as server-sent events; what goes wrong before its first piece is JSON with a status."""
    try:
        ask, chosen = read_ask(request.POST), await chosen_by(request)
        definition = read_generator(request.POST, await known(await current()), ask)
    except (Unacceptable, ConfigurationError) as error:
        return _told(refusal(error))
    answer = Answer(definition, ask.given, await asker_of(request), chosen=chosen)
    first = await answer.first()
    return _told(first) if isinstance(first, Failed) else stream_response(Events(answer))


@needs(USE)
@require_POST
async def ask(request: HttpRequest) -> HttpResponse:
    """Without JavaScript: the whole page again, with the answer, or the answers beside each other."""
    try:
        page = await _answered(request)
    except Unacceptable as error:
        page = Page(
            main=Column("turns", _turns_or_none(request, "turns")),
            beside=Column("beside", _turns_or_none(request, "beside")),
            message=request.POST.get("message", ""),
            problem=error.message,
        )
    return await in_thread(render_page, request, page)


async def _answered(request: HttpRequest) -> Page:
    """Raises Unacceptable, before any model is asked."""
    form = request.POST
    ask, beside, asker = read_ask(form), read_ask(form, turns="beside"), await asker_of(request)
    definition = read_generator(form, await known(await current()), ask, beside)
    page = Page(generator=definition.public_name, config_id=read_config_id(form))
    chosen: ActiveSpec | Failed | None
    try:
        chosen = await chosen_by(request)
    except ConfigurationError as error:
        chosen = refusal(error)
    if isinstance(chosen, ActiveSpec):
        columns = [
            _column(page.main, definition, ask, asker),
            _column(page.beside, definition, beside, asker, chosen),
        ]
        main, other = await choices.gather(columns)
    else:
        main = await _column(page.main, definition, ask, asker)
        other = replace(page.beside, turns=beside.turns, failure=chosen)
    return replace(page, main=main, beside=other, message=ask.message if main.turns == ask.turns else "")


async def _column(
    column: Column, definition: Definition, ask: Ask, asker: Asker, chosen: ActiveSpec | None = None
) -> Column:
    answer = Answer(definition, ask.given, asker, chosen=chosen, is_streamed=False)
    await answer.first()
    text = ""
    async with aclosing(answer.items()) as items:
        async for item in items:
            if isinstance(item, Piece):
                text += item.text
            elif isinstance(item, Again):
                text = ""
            elif isinstance(item, Failed):
                column = replace(column, failure=item)
            elif isinstance(item, Ended):
                about = describe(item.tokens, item.is_estimated, item.seconds)
                column = replace(column, about=about, note=item.note)
    return replace(column, turns=ask.answered(text))


def _told(failed: Failed) -> JsonResponse:
    response = JsonResponse({"message": failed.message, "cause": failed.cause}, status=failed.status)
    response._has_been_logged = True  # type: ignore[attr-defined]  # where it was made, with its cause
    return response


def _turns_or_none(request: HttpRequest, name: str) -> tuple[Turn, ...]:
    try:
        return read_turns(request.POST.get(name, ""))
    except Unacceptable:
        return ()
