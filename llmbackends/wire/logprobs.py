"""How likely the tokens of an answer were, in the forms that the services tell it.

[{"token", "logprob", "bytes", "top_logprobs": [{"token", "logprob", "bytes"}]}]
    OpenAI's chats (under `content` and `refusal`), llama.cpp on both routes, Ollama
{"tokens": [], "token_logprobs": [], "top_logprobs": [{token: logprob}]}
    the OpenAI language's completions: vLLM
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import BadAnswer
from ..texts import Sentence, gettext_noop
from ..types import LikelyToken, TokenLogprob
from .payload import as_list, as_object, as_text, list_at

LEAST = -9999.0
"""For a token that could not have come, whose logarithm is no number that JSON has; so does OpenAI's API."""


def choice_logprobs(choice: Mapping[str, Any]) -> tuple[TokenLogprob, ...]:
    """What the `logprobs` of a choice in the OpenAI language say, if there are any."""
    told = choice.get("logprobs")
    if told is None:
        return ()
    told = as_object(told, "logprobs")
    if "tokens" in told:
        return _from_columns(told)
    return token_logprobs([*list_at(told, "content"), *list_at(told, "refusal")])


def token_logprobs(rows: list[Any]) -> tuple[TokenLogprob, ...]:
    return tuple(_token_logprob(as_object(row, "logprob of a token")) for row in rows)


def _token_logprob(row: Mapping[str, Any]) -> TokenLogprob:
    top = (as_object(each, "likely token") for each in list_at(row, "top_logprobs"))
    return TokenLogprob(_likely_token(row), tuple(map(_likely_token, top)))


def _likely_token(row: Mapping[str, Any]) -> LikelyToken:
    return LikelyToken(as_text(row.get("token"), "token"), _logprob(row.get("logprob")), _utf8(row))


def _utf8(row: Mapping[str, Any]) -> bytes | None:
    value = row.get("bytes")
    if value is None:
        return None
    try:
        return bytes(as_list(value, "bytes of a token"))
    except (TypeError, ValueError) as error:
        raise BadAnswer(
            Sentence(gettext_noop("The provider's answer has a token whose bytes are none."))
        ) from error


def _logprob(value: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or value != value:
        raise BadAnswer(
            Sentence(
                gettext_noop("The provider's answer has a token with the logprob %(value)s."),
                value=f"{value!r:.50}",
            )
        )
    return float(min(0.0, max(LEAST, value)))


def _from_columns(told: Mapping[str, Any]) -> tuple[TokenLogprob, ...]:
    tokens, logprobs = list_at(told, "tokens"), list_at(told, "token_logprobs")
    tops = list_at(told, "top_logprobs") or [None] * len(tokens)
    if not len(tokens) == len(logprobs) == len(tops):
        raise BadAnswer(Sentence(gettext_noop("The provider's answer has not one logprob for each token.")))
    return tuple(
        TokenLogprob(LikelyToken(as_text(token, "token"), _logprob(logprob)), _ranked(top))
        for token, logprob, top in zip(tokens, logprobs, tops, strict=True)
    )


def _ranked(top: Any) -> tuple[LikelyToken, ...]:
    """As the services have no order in this form."""
    likely = {} if top is None else as_object(top, "likely tokens")
    tokens = (LikelyToken(as_text(token, "token"), _logprob(logprob)) for token, logprob in likely.items())
    return tuple(sorted(tokens, key=lambda each: -each.logprob))
