"""The panel of the form where a version is tried out, saved or not.

Whoever answers it (web/tryout) stands above this package and can run what the form says; here is what the
panel needs to be shown, and the form around it for a browser without JavaScript.
"""

from __future__ import annotations

from typing import Any

from django.contrib.admin import helpers
from django.contrib.admin.utils import flatten_fieldsets
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
        """The whole form with everything that was entered, as ModelAdmin shows it after a save that failed,
        and what came of trying it out. `generator`: the row as it is stored."""
        fieldsets: Any = list(self.get_fieldsets(request, generator))
        is_read = generator is not None and generator.is_published
        readonly = flatten_fieldsets(fieldsets) if is_read else self.get_readonly_fields(request, generator)
        adminform = helpers.AdminForm(form, fieldsets, {}, readonly, model_admin=self)
        title = _("Try %(name)s") % {"name": generator.public_name} if generator else _("Add a generator")
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "subtitle": None,
            "adminform": adminform,
            "object_id": str(generator.pk) if generator else None,
            "original": generator,
            "is_popup": False,
            "to_field": None,
            "media": self.media + adminform.media,
            "inline_admin_formsets": [],
            "errors": helpers.AdminErrorList(form, []),
            "preserved_filters": "",
            "sample": sample,
            "config_id": config_id,
            "trial": trial,
        }
        form_url = self.url("change", generator.pk) if generator else self.url("add")
        is_change = generator is not None
        request.current_app = self.admin_site.name
        return self.render_change_form(
            request, context, add=not is_change, change=is_change, obj=generator, form_url=form_url
        )


def _sample(generator: Generator | None) -> str:
    """An input that fits, if one can be made."""
    schema = (generator or Generator()).input_schema
    try:
        return written(example_of(schema))
    except (NoExample, TypeError, ValueError):
        return "{}"
