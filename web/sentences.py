"""What a page says of a failure: the neutral sentences of generation/failures.py in the reader's language."""

from __future__ import annotations

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from generation.queue.outcomes import OUTPUT_INCOMPLETE

_OTHERWISE: Final = "internal_error"

_SENTENCES: Final[dict[str, str | Promise]] = {
    "invalid_request": _("The request is not valid."),
    "context_length_exceeded": _("The prompt is too long."),
    "request_too_large": _("The request is too large."),
    "rate_limit_exceeded": _("Too many requests. Wait a moment and try again."),
    "budget_exceeded": _("The budget is used up."),
    "backend_unavailable": _("The service cannot generate text at present. Try again later."),
    "output_invalid": _("The answer does not have the form that the generator promises. Try again."),
    "backend_error": _("The text could not be generated. Try again."),
    "backend_timeout": _("The text was not generated in time. Try again."),
    _OTHERWISE: _("Something went wrong on our side."),
}


_WARNINGS: Final[dict[str, str | Promise]] = {
    OUTPUT_INCOMPLETE: _(
        "The answer does not have the form that the generator promises. It is passed on as it is."
    ),
}


def warning_sentence(word: str) -> str:
    """For a warning of the API."""
    return str(_WARNINGS.get(word, word))


def sentence(code: str) -> str:
    """For an error code of the API; one that a page cannot meet is our mistake."""
    return str(_SENTENCES.get(code, _SENTENCES[_OTHERWISE]))
