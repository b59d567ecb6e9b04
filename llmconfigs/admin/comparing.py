"""What answers now beside what would, for a person who has to agree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from llmbackends.errors import ConfigurationError
from llmbackends.spec import BackendSpec

from .. import describing, wording
from ..history import Answering


@dataclass(frozen=True, slots=True)
class Row:
    """ "" where a side says nothing of it."""

    label: str
    before: str
    after: str

    @property
    def is_changed(self) -> bool:
        return self.before != self.after


def compared(before: Answering, after: Answering) -> list[Row]:
    former, later = dict(facts_of(before)), dict(facts_of(after))
    labels = [*later, *(label for label in former if label not in later)]
    return [Row(label, former.get(label, ""), later.get(label, "")) for label in labels]


def name_of(answering: Answering) -> str:
    return _("The environment (LLM_ variables)") if answering.config is None else answering.config.name


def facts_of(answering: Answering) -> Iterator[tuple[str, str]]:
    """In the order in which they matter."""
    yield _("Configuration"), name_of(answering)
    yield _("Provider"), describing.provider_label(answering.provider)
    yield _("Model"), answering.model
    try:
        yield from _facts_of_spec(answering.spec())
    except ConfigurationError as error:
        yield _("Problem"), wording.explain(error)


def _facts_of_spec(spec: BackendSpec) -> Iterator[tuple[str, str]]:
    if spec.endpoint_url:
        yield _("Endpoint URL"), spec.endpoint_url
    yield _("API key"), _("set") if spec.api_key else _("not set")
    yield _("Time-out in seconds"), f"{spec.timeout_s:g}"
    yield _("Retries"), str(spec.max_retries)
    yield from ((name, _shown(value)) for name, value in spec.sampling.given().items())
    yield from ((name, _shown(value)) for name, value in spec.options.items())
    allowed = ", ".join(sorted(spec.client_bounds.parameters))
    yield _("Parameters that clients may set"), allowed or _("none")


def _shown(value: Any) -> str:
    """A header among the options may hold a password, so of what has parts only the names are shown."""
    if isinstance(value, Mapping):
        return ", ".join(value) or "-"
    if isinstance(value, list | tuple):
        return ", ".join(each if isinstance(each, str) else "…" for each in value)
    return str(value)
