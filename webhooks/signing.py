"""Signatures by the Standard Webhooks scheme.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md, read 2026-11-26:
HMAC-SHA256 over "id.timestamp.body", in base64 behind "v1,"; its key stands in base64 behind "whsec_".
While a secret is being replaced there is one signature for each that is valid, with a space between them.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Sequence
from typing import Final

from llmbackends.secret import Secret
from llmbackends.texts import Sentence, gettext_noop

SECRET_PREFIX: Final = "whsec_"  # noqa: S105  (what it begins with)
_SHORTEST_KEY = 16
_WRONG_PREFIX = gettext_noop("The secret does not begin with %(prefix)s.")


class SecretUnusable(Exception):
    """The endpoint's secret is none that a message can be signed with."""

    def __init__(self, sentence: Sentence) -> None:
        super().__init__(sentence)
        self.sentence = sentence


def headers_of(message_id: str, *, sent_at: int, body: bytes, secrets: Sequence[Secret]) -> dict[str, str]:
    """`sent_at`: of this attempt, in seconds of Unix time. Raises SecretUnusable, never signs with none."""
    if not secrets:
        raise SecretUnusable(Sentence(gettext_noop("There is no secret.")))
    content = b".".join([message_id.encode(), str(sent_at).encode(), body])
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(sent_at),
        "webhook-signature": " ".join(_signature(content, secret) for secret in secrets),
    }


def _signature(content: bytes, secret: Secret) -> str:
    return "v1," + base64.b64encode(hmac.digest(_key(secret), content, "sha256")).decode()


def _key(secret: Secret) -> bytes:
    if not secret.reveal().startswith(SECRET_PREFIX):
        raise SecretUnusable(Sentence(_WRONG_PREFIX, prefix=SECRET_PREFIX))
    try:
        key = base64.b64decode(secret.reveal().removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise SecretUnusable(Sentence(gettext_noop("The secret is no base64."))) from None
    if len(key) < _SHORTEST_KEY:
        raise SecretUnusable(Sentence(gettext_noop("The secret is too short.")))
    return key
