"""What a service answers whose JSON the row's options describe: whole or streamed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from ..errors import BadAnswer, StreamCut
from ..mapping import error_from_answer
from ..texts import Sentence, gettext_noop
from ..types import ChatChunk, ChatResult, FinishReason
from . import Options, WireError
from .json_paths import find
from .payload import as_count, as_text, finish_reason_of, parse_json, usage_of
from .reported import reported_error, wire_error

_FINISH_REASONS = {
    "length": FinishReason.LENGTH,
    "max_tokens": FinishReason.LENGTH,
    "MAX_TOKENS": FinishReason.LENGTH,
    "content_filter": FinishReason.CONTENT_FILTER,
    "refusal": FinishReason.CONTENT_FILTER,
    "SAFETY": FinishReason.CONTENT_FILTER,
}


def decode(payload: Any, options: Options) -> ChatResult:
    path = options["text_path"]
    value = find(payload, path)
    _raise_reported(payload, options, has_text=value is not None)
    if value is None:
        raise BadAnswer(
            Sentence(gettext_noop("The provider's answer has nothing at text_path %(path)r."), path=path)
        )
    text = as_text(value, f"text at {path!r}")
    word = find(payload, options.get("finish_reason_path"))
    return ChatResult(
        text=text,
        finish_reason=finish_reason_of(word, _FINISH_REASONS, has_text=bool(text), has_calls=False),
        usage=usage_of(
            _count(payload, options, "prompt_tokens_path"), _count(payload, options, "completion_tokens_path")
        ),
    )


def error_at_path(payload: Any, options: Options) -> WireError | None:
    told = find(payload, options.get("error_path"))
    return wire_error(told) if told else None


def _raise_reported(payload: Any, options: Options, *, has_text: bool) -> None:
    """Without an error_path, `error` in an answer counts only where the text is missing."""
    error = error_at_path(payload, options)
    if error is None and "error_path" not in options and not has_text and isinstance(payload, dict):
        error = reported_error(payload)
    if error is not None:
        raise error_from_answer(status=None, error=error, retry_after_s=None)


def _count(payload: Any, options: Options, option: str) -> int | None:
    value = find(payload, options.get(option))
    return None if value is None else as_count(value, f"count at {options[option]!r}")


class GenericStreamDecoder:
    """An event without a text is nothing special; counts and finish reason may come in any event."""

    def __init__(self, options: Options) -> None:
        self.ended = False
        self._options = options
        self._text_path = options.get("stream_text_path", options["text_path"])
        self._end_path, self._has_end_path, self._end_value = options["stream_end"].partition("=")
        self._has_text = False
        self._word: Any = None
        self._counts: dict[str, int | None] = {"prompt_tokens_path": None, "completion_tokens_path": None}

    def feed(self, event: str, data: str) -> Iterable[ChatChunk]:
        data = data.strip()
        if self.ended or not data:
            return ()
        if data == self._options["stream_end"]:
            return (self._last(""),)
        payload = parse_json(data)
        text = self._read(payload)
        if self._is_end(payload):
            return (self._last(text),)
        return (ChatChunk(text),) if text else ()

    def close(self) -> Iterable[ChatChunk]:
        if not self.ended:
            raise StreamCut(
                Sentence(
                    gettext_noop("The provider's stream ended without its stream_end, %(stream_end)r."),
                    stream_end=self._options["stream_end"],
                )
            )
        return ()

    def _read(self, payload: Any) -> str:
        value = find(payload, self._text_path)
        _raise_reported(payload, self._options, has_text=value is not None)
        self._word = find(payload, self._options.get("finish_reason_path")) or self._word
        for option, known in self._counts.items():
            count = _count(payload, self._options, option)
            self._counts[option] = known if count is None else count
        text = "" if value is None else as_text(value, f"text at {self._text_path!r}")
        self._has_text = self._has_text or bool(text)
        return text

    def _is_end(self, payload: Any) -> bool:
        found = find(payload, self._end_path) if self._has_end_path else None
        if found is None:
            return False
        return self._end_value in ("*", found if isinstance(found, str) else json.dumps(found))

    def _last(self, text: str) -> ChatChunk:
        self.ended = True
        reason = finish_reason_of(self._word, _FINISH_REASONS, has_text=self._has_text, has_calls=False)
        return ChatChunk(text, finish_reason=reason, usage=usage_of(*self._counts.values()))
