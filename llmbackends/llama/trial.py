"""Loading a model in a process of its own first, to see whether it loads at all."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from ..errors import BackendTimeout, BackendUnavailable, ConfigurationError
from ..texts import Sentence, gettext_noop
from . import server
from .model_file import Recipe, require_gguf

TIMEOUT_S = 600.0

_KILLED = gettext_noop(
    "llama.cpp cannot load %(path)s: its process was killed, most likely because the memory is too small for "
    "it. Choose a smaller model or a smaller context."
)
_CANNOT_LOAD = gettext_noop(
    "llama.cpp cannot load %(path)s: %(reason)s. Download the file again, or choose another model."
)
_ENDED = gettext_noop(
    "llama.cpp cannot load %(path)s: its process ended with status %(status)s. Download the file again, or "
    "choose another model."
)

_REASONS = (
    re.compile(r"error loading model: (.+)"),
    re.compile(r"(GGML_ASSERT\(.+)"),
    re.compile(r"\bE (.+)"),
    re.compile(r"(\S.*)"),
)


def require_loadable(recipe: Recipe) -> None:
    """Blocks for about as long as loading takes.

    Raises ModelNotFound, or ConfigurationError with llama.cpp's own reason.
    """
    require_gguf(recipe.path)
    command = [
        *(sys.executable, "-P", str(Path(server.__file__)), str(recipe.path)),
        *(str(recipe.context_size), str(recipe.threads or 0), recipe.purpose),
    ]
    try:
        done = _run(command)
    except subprocess.TimeoutExpired as error:
        text = gettext_noop("Loading %(path)s took more than %(seconds)s s.")
        raise BackendTimeout(Sentence(text, path=recipe.path, seconds=f"{TIMEOUT_S:.0f}")) from error
    except OSError as error:
        text = gettext_noop("No process could be started to try %(path)s: %(reason)s.")
        raise BackendUnavailable(Sentence(text, path=recipe.path, reason=str(error))) from error
    if done.returncode != 0:
        raise _cannot_load(recipe.path, done.returncode, done.stderr.decode("utf-8", "replace"))


def _run(command: list[str]) -> subprocess.CompletedProcess[bytes]:
    with tempfile.TemporaryDirectory(prefix="llama-") as directory:  # which an aborted process would leave
        return subprocess.run(  # noqa: S603 no shell, and the path is one argument
            command,
            env={**os.environ, "TMPDIR": directory, "GGML_NO_BACKTRACE": "1"},  # or it starts a debugger
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
        )


def _cannot_load(path: Path, status: int, said: str) -> ConfigurationError:
    if status == -signal.SIGKILL:
        text = Sentence(_KILLED, path=path)
    elif reason := _reason(said):
        text = Sentence(_CANNOT_LOAD, path=path, reason=reason)
    else:
        text = Sentence(_ENDED, path=path, status=status)
    return ConfigurationError(text, details={"log": said[-2000:]})


def _reason(said: str) -> str:
    matches = (pattern.search(said) for pattern in _REASONS)
    return next((match.group(1).strip(" .") for match in matches if match), "")
