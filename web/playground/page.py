"""What the playground's page shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from generation.requests import DEFAULT_GENERATOR
from generators.known import known_now
from llmconfigs.models import LLMConfig

from .answers import Failed
from .conversation import MAX_CHARACTERS, Turn, turns_json

COMPARE = "llmconfigs.view_llmconfig"


@dataclass(frozen=True, slots=True)
class Column:
    """One conversation. `name`: the field that it travels in; the rest is of its last answer."""

    name: str
    turns: tuple[Turn, ...] = ()
    about: str = ""
    note: str = ""
    failure: Failed | None = None

    @property
    def turns_json(self) -> str:
        return turns_json(self.turns)


@dataclass(frozen=True, slots=True)
class Page:
    """`config_id`: of the configuration in the column beside. `message`: what is still to be sent."""

    main: Column = Column("turns")
    beside: Column = Column("beside")
    generator: str = DEFAULT_GENERATOR
    config_id: int | None = None
    message: str = ""
    problem: str = ""


def render_page(request: HttpRequest, page: Page) -> HttpResponse:
    generators = [offer.public_name for offer in known_now().offers if offer.takes_messages]
    context = {"page": page, "generators": generators, "most": MAX_CHARACTERS}
    status = 422 if page.problem else 200
    return render(request, "web/playground.html", context | _comparison(request.user, page), status=status)


def _comparison(user: Any, page: Page) -> dict[str, Any]:
    """For staff alone: which configurations there are, and what the columns are called."""
    if not user.has_perm(COMPARE):
        return {}
    configs = dict(LLMConfig.objects.filter(is_active=False).values_list("pk", "name"))
    active = LLMConfig.objects.active().values_list("name", flat=True).first()
    return {
        "configs": configs,
        "main_title": _("Active: %(name)s") % {"name": active or _("the environment's")},
        "beside_title": configs.get(page.config_id, "") if page.config_id else "",
    }
