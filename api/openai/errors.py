"""Errors in OpenAI's form: https://platform.openai.com/docs/guides/error-codes"""

from __future__ import annotations

import msgspec

from generation.failures import PublicError


def openai_error(error: PublicError) -> bytes:
    return msgspec.json.encode({"error": error_object(error)})


def error_object(error: PublicError) -> dict[str, str | None]:
    """The message as plain text, whatever it is for a page: msgspec writes no other."""
    return {"message": str(error.message), "type": error.type, "param": error.param, "code": error.code}
