"""Changing the state of a version: a page says what clients get now and what they would, and asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path
from django.utils.translation import gettext as _

from .. import publishing
from ..defaults import DEFAULT_NAME
from ..desk_errors import DeskError, GeneratorChangedMeanwhile
from ..models import Generator, State
from ..recording import content_digest
from .base import GeneratorPages


@dataclass(frozen=True, slots=True)
class Meaning:
    """What clients get who write `asked` ("" for nothing), before and after; "" for an error."""

    asked: str
    before: str
    after: str

    @property
    def is_changed(self) -> bool:
        return self.before != self.after


@dataclass(frozen=True, slots=True)
class Confirmation:
    """`becomes`: the state that the version would have. `act`: does it, and raises DeskError. `notes`: what
    else has to be known before somebody agrees."""

    title: str
    submit: str
    becomes: State
    act: Callable[[], Any]
    done: str
    notes: tuple[str, ...] = ()
    may_choose_current: bool = False


class StatingPages(GeneratorPages):
    def stating_urls(self) -> list[URLPattern]:
        view, name = self.admin_site.admin_view, "generators_generator"
        return [
            path("<path:object_id>/publish/", view(self.publish_page), name=f"{name}_publish"),
            path("<path:object_id>/make-current/", view(self.make_current_page), name=f"{name}_make_current"),
            path("<path:object_id>/retire/", view(self.retire_page), name=f"{name}_retire"),
            path("<path:object_id>/restore/", view(self.restore_page), name=f"{name}_restore"),
            path("<path:object_id>/next/", view(self.next_page), name=f"{name}_next"),
        ]

    def publish_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        self.require(request, self.has_publish_permission(request))
        generator = self.generator_or_404(request, object_id)
        current = Generator.objects.filter(name=generator.name, is_current=True).first()
        is_to_be_current = current is None or request.method != "POST" or "make_current" in request.POST
        confirmation = Confirmation(
            title=_("Publish %(name)s?") % {"name": generator.public_name},
            submit=_("Publish"),
            becomes=State.CURRENT if is_to_be_current else State.ACTIVE,
            act=lambda: publishing.publish(generator, make_current=is_to_be_current),
            done=_("“%(name)s” is published.") % {"name": generator.public_name},
            notes=(_("From then on what it says never changes. A change is a next version."),),
            may_choose_current=current is not None,
        )
        return self._confirmed(request, generator, confirmation, allowed={State.DRAFT})

    def make_current_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        self.require(request, self.has_publish_permission(request))
        generator = self.generator_or_404(request, object_id)
        confirmation = Confirmation(
            title=_("Make %(name)s the current version?") % {"name": generator.public_name},
            submit=_("Make current"),
            becomes=State.CURRENT,
            act=lambda: publishing.make_current(generator),
            done=_("“%(name)s” is the current version.") % {"name": generator.public_name},
            notes=(_("Jobs that were accepted before are done by the version that was current then."),),
        )
        return self._confirmed(request, generator, confirmation, allowed={State.ACTIVE})

    def retire_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        self.require(request, self.has_publish_permission(request))
        generator = self.generator_or_404(request, object_id)
        confirmation = Confirmation(
            title=_("Retire %(name)s?") % {"name": generator.public_name},
            submit=_("Retire"),
            becomes=State.RETIRED,
            act=lambda: publishing.retire(generator),
            done=_("“%(name)s” is retired.") % {"name": generator.public_name},
            notes=(_("Jobs that were accepted before are still done. It can be brought back at any time."),),
        )
        return self._confirmed(request, generator, confirmation, allowed={State.ACTIVE, State.CURRENT})

    def restore_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        self.require(request, self.has_publish_permission(request))
        generator = self.generator_or_404(request, object_id)
        has_current = Generator.objects.filter(name=generator.name, is_current=True).exists()
        confirmation = Confirmation(
            title=_("Bring %(name)s back?") % {"name": generator.public_name},
            submit=_("Bring back"),
            becomes=State.ACTIVE if has_current else State.CURRENT,
            act=lambda: publishing.restore(generator),
            done=_("“%(name)s” is active again.") % {"name": generator.public_name},
        )
        return self._confirmed(request, generator, confirmation, allowed={State.RETIRED})

    def next_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        self.require(request, self.has_add_permission(request))
        generator = self.generator_or_404(request, object_id)
        if request.method != "POST":
            title = _("Draft the next version from %(name)s?") % {"name": generator.public_name}
            return self.page(request, "next", title=title, original=generator)
        try:
            draft = publishing.draft_next(generator)
        except DeskError as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(self.url("change", generator.pk))
        told = _("“%(draft)s” is a draft that says the same as “%(name)s”.")
        names = {"draft": draft.public_name, "name": generator.public_name}
        messages.success(request, told % names)
        return HttpResponseRedirect(self.url("change", draft.pk))

    def _confirmed(
        self, request: HttpRequest, generator: Generator, confirmation: Confirmation, *, allowed: set[State]
    ) -> HttpResponse:
        """The page, or what follows when somebody has agreed to just what it shows."""
        back = HttpResponseRedirect(self.url("change", generator.pk))
        if generator.state not in allowed:
            names = {"name": generator.public_name, "state": generator.state.label}
            messages.warning(request, _("That does not fit the state of “%(name)s”: %(state)s.") % names)
            return back
        meanings = list(_meanings(generator, confirmation.becomes))
        seen = _mark(generator, meanings)
        if request.method == "POST":
            try:
                if request.POST.get("seen") != seen:
                    raise GeneratorChangedMeanwhile(generator.public_name)
                confirmation.act()
            except DeskError as error:
                messages.error(request, str(error))
            else:
                messages.success(request, confirmation.done)
            return back
        return self.page(
            request,
            "confirm",
            title=confirmation.title,
            original=generator,
            confirmation=confirmation,
            meanings=meanings,
            seen=seen,
        )


def _meanings(generator: Generator, becomes: State) -> Iterator[Meaning]:
    current = Generator.objects.filter(name=generator.name, is_current=True).first()
    before = after = current.public_name if current else ""
    if becomes is State.CURRENT:
        after = generator.public_name
    elif current == generator:
        after = ""
    yield Meaning(generator.name, before, after)
    own = generator.public_name
    now = own if generator.is_active else ""
    then = own if becomes in (State.ACTIVE, State.CURRENT) else ""
    yield Meaning(own, now, then)
    if own == DEFAULT_NAME:
        yield Meaning("", now, then)


def _mark(generator: Generator, meanings: list[Meaning]) -> str:
    """Of what a page shows: who agrees to it agrees to this content in the place of that version."""
    return f"{content_digest(generator)}:{','.join(meaning.before for meaning in meanings)}"
