"""Who asks on a page, and which configuration is asked; how a page is told that it may not."""

from __future__ import annotations

from django.http import HttpRequest
from django.utils.translation import gettext as _

from background.threads import in_thread
from llmbackends.errors import ConfigurationError
from llmconfigs import wording
from llmconfigs.chosen import chosen_spec
from llmconfigs.models import LLMConfig
from llmconfigs.selection import ActiveSpec

from ..sentences import sentence
from .answers import ROUTE, Asker, Failed
from .conversation import Unacceptable, read_config_id
from .page import COMPARE


async def asker_of(request: HttpRequest, *, route: str = ROUTE) -> Asker:
    user = await request.auser()
    return Asker(
        user.pk,
        user.get_username(),
        request.request_id,  # type: ignore[attr-defined]
        sees_causes=await user.ahas_perm(COMPARE),
        route=route,
    )


async def chosen_by(request: HttpRequest) -> ActiveSpec | None:
    """The configuration that staff named, None for the active one. Raises Unacceptable, the same for who may
    see none as where there is none, and ConfigurationError."""
    config_id = read_config_id(request.POST)
    if config_id is None:
        return None
    user = await request.auser()
    if await user.ahas_perm(COMPARE):
        try:
            return await in_thread(chosen_spec, config_id)
        except LLMConfig.DoesNotExist:
            pass
    raise Unacceptable(_("There is no such configuration."))


def refusal(error: Unacceptable | ConfigurationError) -> Failed:
    """A ConfigurationError is of a chosen configuration, whose reader may see the cause."""
    if isinstance(error, Unacceptable):
        return Failed(422, error.message)
    return Failed(503, sentence("backend_unavailable"), wording.explain(error))
