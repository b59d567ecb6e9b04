"""What can go wrong with a stored configuration, before a backend exists, and with changing what answers.

    LLMConfigsError
    ├── EncryptionKeysMalformed   FIELD_ENCRYPTION_KEYS holds something that is no Fernet key
    ├── SecretUndecryptable       none of the encryption keys opens the stored value
    ├── SecretBoundElsewhere      the stored value was entered for another address
    ├── ConfigGone                the row was deleted in the meantime
    ├── ConfigChangedMeanwhile    the row is no longer what was tested or requested
    ├── ProbeFailed               the service did not answer the test; a reason makes it go on all the same
    ├── NothingToRollBackTo       nothing that answered before is still there
    ├── TooManyProbes             this person has asked services too often within a minute
    └── RefusedByTwoPersonRule
        ├── ApprovalNeeded        nobody activates alone: request it
        ├── ActiveConfigLocked    what answers is not changed under the eyes of one
        ├── ApproverInvolved      who requested or edited it does not approve it
        ├── NotYourRequest        only who made a request withdraws it
        ├── AlreadyRequested      a request for this row is pending
        └── RequestNotPending     somebody has decided, or it has expired or become outdated

What makes a configuration unusable as a backend is llmbackends.errors.ConfigurationError.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmbackends.texts import Problem, gettext_noop

if TYPE_CHECKING:
    from .probing import Probe


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


class ConfigChangedMeanwhile(LLMConfigsError):
    def __init__(self, name: str) -> None:
        template = gettext_noop(
            "The configuration “%(name)s” has been changed in the meantime. Look at it again."
        )
        super().__init__(Problem(template, {"name": name}))
        self.name = name


class ProbeFailed(LLMConfigsError):
    """`probe`: what was found out before it failed."""

    def __init__(self, name: str, probe: Probe) -> None:
        template = gettext_noop(
            "The test of “%(name)s” failed, so nothing has been changed. Give a reason to go on all the same."
        )
        super().__init__(Problem(template, {"name": name}))
        self.probe = probe


class NothingToRollBackTo(LLMConfigsError):
    def __init__(self) -> None:
        super().__init__(Problem(gettext_noop("There is nothing to roll back to.")))


class TooManyProbes(LLMConfigsError):
    def __init__(self, limit: int) -> None:
        template = gettext_noop(
            "You may have services tested or asked for their models %(limit)s times a minute. Wait a moment."
        )
        super().__init__(Problem(template, {"limit": limit}))


class RefusedByTwoPersonRule(LLMConfigsError):
    pass


class ApprovalNeeded(RefusedByTwoPersonRule):
    def __init__(self, name: str) -> None:
        template = gettext_noop(
            "Here nobody activates a configuration alone. Request the activation of “%(name)s”; a second "
            "person, who has not edited it, approves it."
        )
        super().__init__(Problem(template, {"name": name}))


class ActiveConfigLocked(RefusedByTwoPersonRule):
    def __init__(self, name: str) -> None:
        template = gettext_noop(
            "“%(name)s” is active, and here nobody changes alone what answers. Clone it, change the copy and "
            "request its activation."
        )
        super().__init__(Problem(template, {"name": name}))


class ApproverInvolved(RefusedByTwoPersonRule):
    def __init__(self, name: str) -> None:
        template = gettext_noop(
            "Who has requested the activation of “%(name)s” or edited it cannot approve it: ask a second "
            "person."
        )
        super().__init__(Problem(template, {"name": name}))


class NotYourRequest(RefusedByTwoPersonRule):
    def __init__(self, name: str) -> None:
        template = gettext_noop("Only who requested the activation of “%(name)s” can withdraw the request.")
        super().__init__(Problem(template, {"name": name}))


class AlreadyRequested(RefusedByTwoPersonRule):
    def __init__(self, name: str) -> None:
        template = gettext_noop("The activation of “%(name)s” has been requested already.")
        super().__init__(Problem(template, {"name": name}))


class RequestNotPending(RefusedByTwoPersonRule):
    """`state`: a value of models.RequestState."""

    def __init__(self, name: str, state: str) -> None:
        super().__init__(Problem(_NOT_PENDING.get(state, _NOT_PENDING[""]), {"name": name}))
        self.state = state


_NOT_PENDING = {
    "approved": gettext_noop("The request to activate “%(name)s” has been approved already."),
    "rejected": gettext_noop("The request to activate “%(name)s” has been rejected."),
    "withdrawn": gettext_noop("The request to activate “%(name)s” has been withdrawn."),
    "expired": gettext_noop("The request to activate “%(name)s” has expired."),
    "outdated": gettext_noop(
        "The configuration “%(name)s” has been changed since its activation was requested."
    ),
    "": gettext_noop("The request to activate “%(name)s” is no longer pending."),
}
_MAKE_KEY = 'python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"'
_NO_ENCRYPTION_KEY = gettext_noop("FIELD_ENCRYPTION_KEYS holds no key. Make one with: %(command)s")
_WRONG_ENCRYPTION_KEY = gettext_noop(
    "FIELD_ENCRYPTION_KEYS: key %(position)s is not a Fernet key. It takes Fernet keys separated by commas; "
    "make one with: %(command)s"
)
