"""What the domain refuses, one class for each decision of a door.

    GenerationError
    ├── InvalidRequest            the request cannot be accepted; `param` says which part of it
    │   └── UnknownGenerator
    ├── IdempotencyKeyReused      the key was used before, with another request
    ├── JobNotFound               there is no such job, or it belongs to another key
    ├── JobFinished               the job's state does not allow it any more
    ├── JobNotRerunnable          only what has failed or was cancelled can be run again
    │   └── GeneratorRetired      … and what its generator is still offered for
    └── ResultExpired             what was asked and answered has been deleted

The messages are written for API clients: they name nothing of what is behind the API.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .models import GenerationJob


_MOST_NAMES = 20


class GenerationError(Exception):
    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InvalidRequest(GenerationError):
    def __init__(self, message: str, *, param: str) -> None:
        super().__init__(message)
        self.param = param


class UnknownGenerator(InvalidRequest):
    def __init__(self, name: str, *, known: tuple[str, ...]) -> None:
        shown = " or ".join(known[:_MOST_NAMES])
        use = f"Use {shown}{' …' if len(known) > _MOST_NAMES else ''}." if known else "None is offered now."
        super().__init__(f"There is no generator {name!r}. {use}", param="generator")


class IdempotencyKeyReused(GenerationError):
    def __init__(self) -> None:
        super().__init__(
            "This Idempotency-Key was already used with another request. Use a new key for a new request."
        )


class JobNotFound(GenerationError):
    def __init__(self) -> None:
        super().__init__("There is no such generation.")


class JobFinished(GenerationError):
    def __init__(self, job: GenerationJob) -> None:
        super().__init__(f"The generation is already {job.status}.")
        self.job = job


class JobNotRerunnable(GenerationError):
    def __init__(self, job: GenerationJob) -> None:
        super().__init__(
            f"The generation is {job.status}. Only one that has failed or was cancelled can be run again."
        )
        self.job = job


class GeneratorRetired(JobNotRerunnable):
    def __init__(self, job: GenerationJob) -> None:
        GenerationError.__init__(self, f"The generator {job.generator} is no longer offered.")
        self.job = job


class ResultExpired(GenerationError):
    def __init__(self) -> None:
        super().__init__("What was asked and answered has been deleted, as it is kept for a limited time.")
