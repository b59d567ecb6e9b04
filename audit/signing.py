"""Signatures over checkpoints and exports: Ed25519. Without Django, for who checks an export elsewhere."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from .chaining import canonical_json

KEY_BYTES = 32


class Purpose(StrEnum):
    """Is signed too, so that no signature serves for something else."""

    CHECKPOINT = "checkpoint"
    TRAILER = "trailer"


SIGNED = {
    Purpose.CHECKPOINT: ("number", "digest", "at", "previous_number", "every", "key_id"),
    Purpose.TRAILER: (
        "format", "at", "since", "until", "count", "checkpoints", "first_number", "previous_digest",
        "last_number", "last_digest", "sha256", "key_id",
    ),
}  # fmt: skip
"""The fields under the signature; beside them there is none but `signature`."""


class WrongSignature(Exception):
    """Says in a few words why a signature does not count."""


class Signer:
    def __init__(self, seed: bytes) -> None:
        """`seed`: the 32 bytes of the private key."""
        self._private_key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public_key = self._private_key.public_key().public_bytes_raw()
        self.key_id = key_id_of(self.public_key)

    def sign(self, purpose: Purpose, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values with `key_id` and `signature`."""
        signed = {**values, "key_id": self.key_id}
        signature = self._private_key.sign(_message(purpose, signed))
        return signed | {"signature": base64.b64encode(signature).decode()}


class Keyring:
    """The public keys whose signatures count."""

    def __init__(self, public_keys: Iterable[bytes]) -> None:
        self._keys = {key_id_of(key): Ed25519PublicKey.from_public_bytes(key) for key in public_keys}

    def check(self, purpose: Purpose, values: Mapping[str, Any]) -> None:
        """Raises WrongSignature unless one of the keys signed these values for this purpose."""
        key = self._keys.get(values["key_id"])
        if key is None:
            raise WrongSignature(f"it is signed with the key {values['key_id']!r}, which is not trusted here")
        try:
            key.verify(base64.b64decode(values["signature"], validate=True), _message(purpose, values))
        except (InvalidSignature, ValueError):
            raise WrongSignature("its signature is wrong") from None


def key_id_of(public_key: bytes) -> str:
    return hashlib.sha256(public_key).hexdigest()[:16]


def derived_seed(secret: str) -> bytes:
    """A private key for who has none of his own."""
    kdf = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=b"changeover audit signing key")
    return kdf.derive(secret.encode())


def decoded_key(text: str) -> bytes:
    """Of base64, standard or URL-safe. Raises ValueError, without the text in it, unless it is 32 bytes."""
    try:
        key = base64.b64decode(text.strip().translate(str.maketrans("-_", "+/")), validate=True)
    except binascii.Error:
        key = b""
    if len(key) != KEY_BYTES:
        raise ValueError(f"It must be {KEY_BYTES} bytes in base64.")
    return key


def _message(purpose: Purpose, values: Mapping[str, Any]) -> bytes:
    signed = {name: values[name] for name in SIGNED[purpose]}
    return f"changeover audit {purpose}\n{canonical_json(signed)}".encode()
