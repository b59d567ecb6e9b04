"""Every URL pattern of the project, each with an address that it matches."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.contrib import admin
from django.contrib.admin.options import ModelAdmin
from django.contrib.contenttypes.models import ContentType
from django.urls import URLPattern, URLResolver, get_resolver

from apikeys.models import ApiKey
from generation.models import GenerationJob
from llmconfigs.models import ActivationRequest, LLMConfig

from .samples import Samples


@dataclass(frozen=True, slots=True)
class Route:
    """`name` with its namespaces, such as "admin:index", or else the pattern."""

    name: str
    pattern: str
    view: Callable[..., Any] = field(repr=False)

    def __str__(self) -> str:
        return self.name

    @property
    def model_admin(self) -> ModelAdmin[Any] | None:
        """Of a page of the admin that is about one model."""
        return next((each for each in _model_admins() if self.pattern.startswith(_prefix(each))), None)

    def address(self, samples: Samples) -> str:
        """The rows that it names exist then."""
        if self.pattern in _REGULAR_EXPRESSIONS:
            return "/" + _REGULAR_EXPRESSIONS[self.pattern]

        def value(match: re.Match[str]) -> str:
            return str(_argument(self, match["name"], samples))

        path = re.sub(r"<(?:\w+:)?(?P<name>\w+)>", value, self.pattern)
        return f"/{path}{_QUERIES.get(self.name, '')}"


def all_routes() -> list[Route]:
    return list(_walk(get_resolver(), "", ""))


def _walk(resolver: URLResolver, pattern: str, namespace: str) -> Iterator[Route]:
    for entry in resolver.url_patterns:
        whole = pattern + str(entry.pattern)
        if isinstance(entry, URLPattern):
            yield Route(f"{namespace}{entry.name}" if entry.name else whole, whole, entry.callback)
        else:
            yield from _walk(entry, whole, namespace + (f"{entry.namespace}:" if entry.namespace else ""))


_APP_LABELS = "|".join(dict.fromkeys(model._meta.app_label for model in admin.site._registry))

# Patterns that are regular expressions, with what they match.
_REGULAR_EXPRESSIONS = {
    rf"admin/^(?P<app_label>{_APP_LABELS})/$": "admin/llmconfigs/",
    "admin/(?P<url>.*)$": "admin/there-is/no-such/page",
    "^api(?:/|$)": "api/there-is/no-such/path",
}


# What an address needs to lead to anything.
_QUERIES = {"admin:autocomplete": "?app_label=generation&model_name=generationjob&field_name=key&term="}


def _argument(route: Route, name: str, samples: Samples) -> Any:
    if route.model_admin is not None and name in ("object_id", "id"):
        return samples.get(route.model_admin.model).pk
    return _ARGUMENTS[name](samples)


_ARGUMENTS: dict[str, Callable[[Samples], Any]] = {
    "content_type_id": lambda samples: ContentType.objects.get_for_model(LLMConfig).pk,
    "object_id": lambda samples: samples.get(LLMConfig).pk,
    "request_id": lambda samples: samples.get(ActivationRequest).pk,
    "what": lambda samples: "test",
    "job_id": lambda samples: samples.get(GenerationJob).pk,
    "key_id": lambda samples: samples.get(ApiKey).pk,
}
# Of the API, whose rows a session does not see; the generator is one that comes with the installation.
NO_ROWS = {
    "generation_id": "01900000-0000-7000-8000-000000000000",
    "webhook_id": "01900000-0000-7000-8000-000000000000",
    "delivery_id": "msg_00000000000000000000000000000000",
    "name": "text-v1",
}
_ARGUMENTS |= {name: lambda samples, value=value: value for name, value in NO_ROWS.items()}


def _model_admins() -> list[ModelAdmin[Any]]:
    return list(admin.site._registry.values())


def _prefix(model_admin: ModelAdmin[Any]) -> str:
    return f"admin/{model_admin.opts.app_label}/{model_admin.opts.model_name}/"
