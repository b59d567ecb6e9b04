"""The GGUF file that a model is loaded from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..errors import ConfigurationError, ModelNotFound
from ..texts import Sentence, gettext_noop

Purpose = Literal["chat", "embeddings"]

_MAGIC = b"GGUF"


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a loaded model depends on. Two equal ones share a model; a changed file makes another one.

    context_size: tokens. threads: None for llama.cpp's own choice. purpose: an instance serves only one.
    """

    path: Path
    size: int
    mtime_ns: int
    context_size: int
    threads: int | None
    purpose: Purpose = "chat"


def make_recipe(path: Path, *, context_size: int, threads: int | None, purpose: Purpose = "chat") -> Recipe:
    """For the file as it is now. Raises ModelNotFound if there is none."""
    try:
        found = path.stat()
    except OSError as error:
        raise _not_found(path, error) from error
    return Recipe(path, found.st_size, found.st_mtime_ns, context_size, threads, purpose)


def require_gguf(path: Path) -> int:
    """The file's size in bytes. Raises ModelNotFound, or ConfigurationError if it is no GGUF file."""
    try:
        with path.open("rb") as file:
            magic = file.read(len(_MAGIC))
            size = file.seek(0, 2)
    except OSError as error:
        raise _not_found(path, error) from error
    if magic != _MAGIC:
        text = gettext_noop(
            "%(path)s is not a GGUF file: it begins with %(found)s instead of %(wanted)s. Choose a model in "
            "GGUF format, or download the file again."
        )
        raise ConfigurationError(Sentence(text, path=path, found=repr(magic), wanted=repr(_MAGIC)))
    return size


def _not_found(path: Path, error: OSError) -> ModelNotFound:
    text = gettext_noop(
        "The model file %(path)s cannot be read (%(reason)s). Put a GGUF file there, or change the model "
        "path."
    )
    return ModelNotFound(Sentence(text, path=path, reason=error.strerror or str(error)))
