"""The panel of the form where a version is tried out, saved or not.

Whoever answers it (web/tryout) stands above this package and can run what the form says; here is what the
panel needs to be shown, and the form around it for a browser without JavaScript.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from llmbackends.json_example import NoExample, example_of
from llmconfigs.models import LLMConfig

from ..json_text import written
from ..models import Generator
from .base import GeneratorPages

USE, CHOOSE = "generation.use_playground", "llmconfigs.view_llmconfig"


class TryingPages(GeneratorPages):
    def panel(
        self, request: HttpRequest, generator: Generator | None, context: dict[str, Any]
    ) -> dict[str, Any]:
        """`context`: of a form that has been tried out, with what was entered there."""
        user: Any = request.user
        can_change = super().has_change_permission(request)
        configs = LLMConfig.objects.filter(is_active=False).values_list("pk", "name")
        return {
            "can_try": can_change and user.has_perm(USE),
            "configs": dict(configs) if user.has_perm(CHOOSE) else {},
            "sample": context.get("sample") or _sample(generator),
        }

    def tried_page(
        self,
        request: HttpRequest,
        form: Any,
        generator: Generator | None,
        *,
        sample: str,
        config_id: int | None,
        trial: Any,
    ) -> HttpResponse:
        """The whole form with everything that was entered, and what came of trying it out. `generator`: the
        row as it is stored."""
        title = _("Try %(name)s") % {"name": generator.public_name} if generator else _("Add a generator")
        return self.whole_form(
            request,
            form,
            generator,
            title=title,
            form_url=self.url("change", generator.pk) if generator else self.url("add"),
            sample=sample,
            config_id=config_id,
            trial=trial,
        )


def _sample(generator: Generator | None) -> str:
    """An input that fits, if one can be made."""
    schema = (generator or Generator()).input_schema
    try:
        return written(example_of(schema))
    except (NoExample, TypeError, ValueError):
        return "{}"
