"""Problems and errors in the language of who reads them. In logs, commands and rows they stay English; a row
keeps what it takes to say them in another language (sentence_fields.py)."""

from __future__ import annotations

from django.utils.translation import gettext

from llmbackends.errors import BackendError
from llmbackends.texts import Problem, Sentence, gettext_noop, joined

from .errors import LLMConfigsError

_BY_ERROR_TYPE = {
    "configuration": gettext_noop("The configuration cannot work as it is."),
    "unknown_provider": gettext_noop("The provider is not installed."),
    "remote_not_allowed": gettext_noop("The provider is remote, which this installation forbids."),
    "address_not_allowed": gettext_noop("The endpoint's address is in no zone that may be called."),
    "invalid_request": gettext_noop("The request cannot work with this service."),
    "unsupported_feature": gettext_noop("The service lacks something that the request needs."),
    "context_length_exceeded": gettext_noop("The prompt is longer than the model takes."),
    "authentication": gettext_noop("The service refuses the API key."),
    "model_not_found": gettext_noop("The service does not have the model."),
    "unavailable": gettext_noop("The service cannot be reached or is not ready."),
    "rate_limited": gettext_noop("The service has been asked too often."),
    "timeout": gettext_noop("The service did not answer in time."),
    "backend_failed": gettext_noop("The service reports an error."),
    "connection_lost": gettext_noop("The connection to the service broke."),
    "bad_answer": gettext_noop("The answer of the service is not what its API promises."),
    "stream_cut": gettext_noop("The answer of the service broke off."),
}
_OTHERWISE = gettext_noop("The service failed.")


def translate(problem: Problem | Sentence) -> str:
    values = {name: say(value) if isinstance(value, str) else value for name, value in problem.values.items()}
    return gettext(problem.template) % values


def say(text: str) -> str:
    """A sentence of ours translated; anything else, such as a service's answer, as it is."""
    return translate(text) if isinstance(text, Sentence) else text


def explain(error: BackendError | LLMConfigsError) -> str:
    """Sentences for the admin; a detail from elsewhere, such as a service's answer, follows as it is."""
    return say(explained(error))


def explained(error: BackendError | LLMConfigsError) -> Sentence:
    """The same in English, to be said in another language when somebody reads it."""
    if isinstance(error, LLMConfigsError):
        return error.problem.sentence
    if problems := [each for each in error.details.get("problems", ()) if isinstance(each, Problem)]:
        return joined(*(each.sentence for each in problems))
    return joined(Sentence(_BY_ERROR_TYPE.get(error.error_type, _OTHERWISE)), error.message)
