"""What can go wrong with a stored configuration, before a backend exists.

    LLMConfigsError
    ├── EncryptionKeysMalformed   FIELD_ENCRYPTION_KEYS holds something that is no Fernet key
    ├── SecretUndecryptable       none of the encryption keys opens the stored value
    ├── SecretBoundElsewhere      the stored value was entered for another address
    └── ConfigGone                the row was deleted in the meantime

What makes a configuration unusable as a backend is llmbackends.errors.ConfigurationError.
"""

from __future__ import annotations

from llmbackends.texts import Problem, gettext_noop


class LLMConfigsError(Exception):
    """Base of this package's errors; the message says what to do, in English. Translated: wording.explain."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


class EncryptionKeysMalformed(LLMConfigsError):
    def __init__(self, position: int | None = None) -> None:
        """`position`: of the key that is wrong, from 1; None if there is no key at all."""
        if position is None:
            super().__init__(Problem(_NO_ENCRYPTION_KEY, {"command": _MAKE_KEY}))
        else:
            super().__init__(Problem(_WRONG_ENCRYPTION_KEY, {"position": position, "command": _MAKE_KEY}))


class SecretUndecryptable(LLMConfigsError):
    def __init__(self) -> None:
        super().__init__(
            Problem(
                gettext_noop(
                    "The stored API key cannot be decrypted with FIELD_ENCRYPTION_KEYS. Add the encryption "
                    "key it was written with to that list, or enter the API key again."
                )
            )
        )


class SecretBoundElsewhere(LLMConfigsError):
    def __init__(self) -> None:
        super().__init__(
            Problem(
                gettext_noop(
                    "The address has changed: enter the API key again, so that it goes there by intention."
                )
            )
        )


class ConfigGone(LLMConfigsError):
    def __init__(self, name: str) -> None:
        template = gettext_noop("The configuration “%(name)s” has been deleted in the meantime.")
        super().__init__(Problem(template, {"name": name}))
        self.name = name


_MAKE_KEY = 'python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"'
_NO_ENCRYPTION_KEY = gettext_noop("FIELD_ENCRYPTION_KEYS holds no key. Make one with: %(command)s")
_WRONG_ENCRYPTION_KEY = gettext_noop(
    "FIELD_ENCRYPTION_KEYS: key %(position)s is not a Fernet key. It takes Fernet keys separated by commas; "
    "make one with: %(command)s"
)
