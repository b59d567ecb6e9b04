"""Secrets at rest: Fernet tokens, written with the first of FIELD_ENCRYPTION_KEYS, readable with any.

A secret may be bound to where it is to be sent. That is sealed together with it, so that whoever changes the
row around a token cannot change it.
"""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from typing import NoReturn

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

from llmbackends.secret import MASK, Secret

from .errors import EncryptionKeysMalformed, SecretBoundElsewhere, SecretUndecryptable

_BOUND = "\x01"  # then what it is bound to, a line end and the secret


class SealedSecret:
    """An encrypted secret, opened only where `reveal()` is called; "" stays "" and needs no key.

    One that was sealed in this process and not stored yet is not bound yet: where it is stored first, there
    it belongs from then on (`bound()`).

    Like Secret it is masked in repr, str and format, and refuses to be pickled. Two are equal if their
    tokens are, so the same secret sealed twice is not.
    """

    __slots__ = ("_is_new", "_token")

    def __init__(self, token: str = "", *, is_new: bool = False) -> None:
        self._token = token
        self._is_new = is_new

    @classmethod
    def seal(cls, secret: Secret) -> SealedSecret:
        """Raises EncryptionKeysMalformed."""
        return cls(_sealed(secret.reveal()), is_new=True) if secret else cls()

    def bound(self, receiver: str) -> SealedSecret:
        """As it is stored with a row whose secret goes to `receiver` ("": to nothing in particular).

        Only a new one is bound; a stored one stays what it is. Raises what `reveal()` raises.
        """
        if not self._is_new:
            return self
        return self.bound_anew(receiver) if receiver else SealedSecret(self._token)

    def bound_anew(self, receiver: str) -> SealedSecret:
        """To `receiver`, whatever it was bound to: for those who may decide about that."""
        secret = self._open()[1].reveal()
        return SealedSecret(_sealed(f"{_BOUND}{receiver}\n{secret}" if receiver else secret))

    @property
    def token(self) -> str:
        """The ciphertext, for the database alone."""
        return self._token

    def reveal(self, receiver: str = "") -> Secret:
        """For sending it to `receiver`.

        Raises SecretBoundElsewhere, SecretUndecryptable and EncryptionKeysMalformed.
        """
        if not self._token:
            return Secret("")
        bound_to, secret = self._open()
        if bound_to != receiver and not self._is_new:
            raise SecretBoundElsewhere
        return secret

    @property
    def hint(self) -> str:
        """The last characters of a long secret. Raises SecretUndecryptable and EncryptionKeysMalformed."""
        return self._open()[1].hint if self._token else ""

    def _open(self) -> tuple[str, Secret]:
        """What it is bound to, and the secret."""
        try:
            text = cipher().decrypt(self._token.encode()).decode()
        except (InvalidToken, UnicodeError):
            raise SecretUndecryptable from None
        if not text.startswith(_BOUND):
            return "", Secret(text)
        bound_to, _, secret = text.removeprefix(_BOUND).partition("\n")
        return bound_to, Secret(secret)

    @property
    def key_position(self) -> int | None:
        """Of the encryption key that it was written with, from 1; None if that is not among them.

        Raises EncryptionKeysMalformed.
        """
        for position, fernet in enumerate(_fernets(tuple(settings.FIELD_ENCRYPTION_KEYS)), start=1):
            with suppress(InvalidToken, UnicodeError):
                fernet.decrypt(self._token.encode())
                return position
        return None

    def rotated(self) -> SealedSecret:
        """The same, written with the first key. Raises SecretUndecryptable and EncryptionKeysMalformed."""
        try:
            return SealedSecret(cipher().rotate(self._token.encode()).decode())
        except (InvalidToken, UnicodeError):
            raise SecretUndecryptable from None

    def __bool__(self) -> bool:
        return bool(self._token)

    def __eq__(self, other: object) -> bool:
        return self._token == other._token if isinstance(other, SealedSecret) else NotImplemented

    def __hash__(self) -> int:
        return hash((SealedSecret, self._token))

    def __repr__(self) -> str:
        return f"SealedSecret({MASK!r})" if self._token else "SealedSecret('')"

    def __str__(self) -> str:
        return MASK if self._token else ""

    def __format__(self, format_spec: str) -> str:
        return format(str(self), format_spec)

    def __copy__(self) -> SealedSecret:
        return self

    def __deepcopy__(self, memo: object) -> SealedSecret:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("A SealedSecret is not pickled: pass the row's id and read it where it is used.")


def _sealed(text: str) -> str:
    return cipher().encrypt(text.encode()).decode()


def cipher() -> MultiFernet:
    """Raises EncryptionKeysMalformed."""
    return MultiFernet(_fernets(tuple(settings.FIELD_ENCRYPTION_KEYS)))


@lru_cache(maxsize=4)
def _fernets(keys: tuple[str, ...]) -> tuple[Fernet, ...]:
    if not keys:
        raise EncryptionKeysMalformed
    return tuple(_fernet(position, key) for position, key in enumerate(keys, start=1))


def _fernet(position: int, key: str) -> Fernet:
    try:
        return Fernet(key)
    except ValueError as error:
        raise EncryptionKeysMalformed(position) from error
