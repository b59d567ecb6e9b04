"""What a page says of a failure: the neutral sentences of generation/failures.py in the reader's language."""

from __future__ import annotations

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from generation.failures import API_ERRORS
from generation.queue.outcomes import OUTPUT_INCOMPLETE
from llmconfigs import wording

_OTHERWISE: Final = "internal_error"

_WARNINGS: Final[dict[str, str | Promise]] = {
    OUTPUT_INCOMPLETE: _(
        "The answer does not have the form that the generator promises. It is passed on as it is."
    ),
}


def warning_sentence(word: str) -> str:
    """For a warning of the API."""
    return str(_WARNINGS.get(word, word))


def sentence(code: str) -> str:
    """For an error code of the API; one that is not known is our mistake."""
    return wording.say(API_ERRORS.get(code, API_ERRORS[_OTHERWISE]).message)
