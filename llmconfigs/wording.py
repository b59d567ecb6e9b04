"""Problems and errors in the language of who reads them. In logs and commands they stay English."""

from __future__ import annotations

import json
from typing import Any

from django.utils.translation import gettext, gettext_lazy

from llmbackends.errors import BackendError
from llmbackends.texts import Problem, Sentence

from .errors import LLMConfigsError

_BY_ERROR_TYPE = {
    "configuration": gettext_lazy("The configuration cannot work as it is."),
    "unknown_provider": gettext_lazy("The provider is not installed."),
    "remote_not_allowed": gettext_lazy("The provider is remote, which this installation forbids."),
    "address_not_allowed": gettext_lazy("The endpoint's address is in no zone that may be called."),
    "invalid_request": gettext_lazy("The request cannot work with this service."),
    "unsupported_feature": gettext_lazy("The service lacks something that the request needs."),
    "context_length_exceeded": gettext_lazy("The prompt is longer than the model takes."),
    "authentication": gettext_lazy("The service refuses the API key."),
    "model_not_found": gettext_lazy("The service does not have the model."),
    "unavailable": gettext_lazy("The service cannot be reached or is not ready."),
    "rate_limited": gettext_lazy("The service has been asked too often."),
    "timeout": gettext_lazy("The service did not answer in time."),
    "backend_failed": gettext_lazy("The service reports an error."),
    "connection_lost": gettext_lazy("The connection to the service broke."),
    "bad_answer": gettext_lazy("The answer of the service is not what its API promises."),
    "stream_cut": gettext_lazy("The answer of the service broke off."),
}
_OTHERWISE = gettext_lazy("The service failed.")


def translate(problem: Problem | Sentence) -> str:
    values = {name: say(value) if isinstance(value, str) else value for name, value in problem.values.items()}
    return gettext(problem.template) % values


def say(text: str) -> str:
    """A sentence of ours translated; anything else, such as a service's answer, as it is."""
    return translate(text) if isinstance(text, Sentence) else text


def stored(text: str) -> str:
    """For a column of text: a sentence keeps its values apart, so that it can be said in any language."""
    return json.dumps(_parts(text), default=str, ensure_ascii=False) if isinstance(text, Sentence) else text


def say_stored(text: str) -> str:
    """What `stored` made, in the reader's language; any other text as it is."""
    try:
        parts = json.loads(text)
        return say(_joined(parts)) if isinstance(parts, dict) else text
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return text


def _parts(value: Any) -> Any:
    if not isinstance(value, Sentence):
        return value
    return {"sentence": value.template, "values": {name: _parts(each) for name, each in value.values.items()}}


def _joined(parts: Any) -> Any:
    if not isinstance(parts, dict):
        return parts
    return Sentence(parts["sentence"], **{name: _joined(each) for name, each in parts["values"].items()})


def explain(error: BackendError | LLMConfigsError) -> str:
    """Sentences for the admin; a detail from elsewhere, such as a service's answer, follows as it is."""
    if isinstance(error, LLMConfigsError):
        return translate(error.problem)
    if problems := [each for each in error.details.get("problems", ()) if isinstance(each, Problem)]:
        return " ".join(map(translate, problems))
    return f"{_BY_ERROR_TYPE.get(error.error_type, _OTHERWISE)} {say(error.message)}"
