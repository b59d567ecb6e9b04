"""The error that a body or a stream's event reports, in the forms that the services use.

{"error": {"message", "type", "code", "status_code"}}   OpenAI, Anthropic, Groq, OpenRouter, llama.cpp
{"error": "text"}                                       Ollama
{"object": "error", "message", "type", "code"}          vLLM
{"detail": …}                                           servers made with FastAPI; in error answers only
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..mapping import error_from_answer
from . import WireError
from .payload import encodable

_ERROR_STATUS = re.compile("[45][0-9]{2}")


def error_in(payload: Any) -> WireError | None:
    """For the body of an error answer."""
    if not isinstance(payload, dict):
        return None
    return reported_error(payload) or _told(payload.get("detail"))


def raise_reported(payload: Mapping[str, Any]) -> None:
    """For a body or an event inside a 200."""
    if not payload.get("error") and payload.get("object") != "error":
        return  # at once: this is asked of each piece of each stream
    if error := reported_error(payload):
        raise error_from_answer(status=None, error=error, retry_after_s=None)


def reported_error(payload: Mapping[str, Any]) -> WireError | None:
    return _told(payload if payload.get("object") == "error" else payload.get("error"))


def wire_error(told: Any) -> WireError:
    """`code` is a word, a number (OpenRouter, llama.cpp) or null; then `type` is the word."""
    if not isinstance(told, dict):
        return WireError(encodable(str(told)))
    code, kind = told.get("code"), told.get("type")
    word = next((each for each in (code, kind) if isinstance(each, str) and not each.isdecimal()), "")
    return WireError(
        encodable(_sentence(told)), encodable(word), _status(told.get("status_code")) or _status(code)
    )


def _told(value: Any) -> WireError | None:
    return wire_error(value) if value else None


def _sentence(told: Mapping[str, Any]) -> str:
    """OpenRouter says only in `metadata.raw` what its upstream answered."""
    metadata = told.get("metadata")
    raw = metadata.get("raw") if isinstance(metadata, dict) else None
    return ": ".join(str(each) for each in (told.get("message"), raw) if each) or str(told)


def _status(value: Any) -> int | None:
    text = str(value)
    return int(text) if _ERROR_STATUS.fullmatch(text) else None
