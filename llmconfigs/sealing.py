"""Secrets at rest: Fernet tokens, written with the first of FIELD_ENCRYPTION_KEYS, readable with any."""

from __future__ import annotations

from functools import lru_cache
from typing import NoReturn

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

from llmbackends.secret import MASK, Secret

from .errors import EncryptionKeysMalformed, SecretUndecryptable


class SealedSecret:
    """An encrypted secret, opened only where `reveal()` is called; "" stays "" and needs no key.

    Like Secret it is masked in repr, str and format, and refuses to be pickled. Two are equal if their
    tokens are, so the same secret sealed twice is not.
    """

    __slots__ = ("_token",)

    def __init__(self, token: str = "") -> None:
        self._token = token

    @classmethod
    def seal(cls, secret: Secret) -> SealedSecret:
        """Raises EncryptionKeysMalformed."""
        return cls(cipher().encrypt(secret.reveal().encode()).decode()) if secret else cls()

    @property
    def token(self) -> str:
        """The ciphertext, for the database alone."""
        return self._token

    def reveal(self) -> Secret:
        """Raises SecretUndecryptable and EncryptionKeysMalformed."""
        if not self._token:
            return Secret("")
        try:
            return Secret(cipher().decrypt(self._token.encode()).decode())
        except (InvalidToken, UnicodeError):
            raise SecretUndecryptable from None

    @property
    def hint(self) -> str:
        """The last characters of a long secret; raises what `reveal()` raises."""
        return self.reveal().hint

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


def cipher() -> MultiFernet:
    """Raises EncryptionKeysMalformed."""
    return _cipher(tuple(settings.FIELD_ENCRYPTION_KEYS))


@lru_cache(maxsize=4)
def _cipher(keys: tuple[str, ...]) -> MultiFernet:
    if not keys:
        raise EncryptionKeysMalformed
    return MultiFernet([_fernet(position, key) for position, key in enumerate(keys, start=1)])


def _fernet(position: int, key: str) -> Fernet:
    try:
        return Fernet(key)
    except ValueError as error:
        raise EncryptionKeysMalformed(position) from error
