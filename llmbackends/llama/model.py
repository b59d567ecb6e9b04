"""One loaded model, and the requests it works on."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from ..errors import BackendError, BackendFailed, BackendUnavailable, RequestError
from ..texts import Sentence, gettext_noop
from .model_file import Recipe
from .server import SLOTS, start_server

logger = logging.getLogger(__name__)

_PROGRESS = '"prompt_progress":'
"""In JSON only a key looks like this: inside a text the quotation marks are escaped."""

Item = str | BackendError | None
"""JSON of a piece of the answer in the OpenAI language, the error that ends it, or None: it is complete."""


@dataclass(eq=False, slots=True)
class Generation:
    """One request to a model.

    body: JSON in the OpenAI language, streaming, with "return_progress": that gives a chance to stop it
        while its prompt is read, and tells when that is done.
    tokens: the most that prompt and answer may need of the context.
    receive: called with each item, from another thread.
    """

    route: Literal["chat", "prompt"]
    body: str
    tokens: int
    receive: Callable[[Item], None]
    is_stopped: bool = False
    has_read_prompt: bool = False


class LlamaModel:
    """Lets requests in, in the order they came, so that the context they share never overflows.

    When it does, llama.cpp fails every request in it. So each must fit in with all that it may need; one
    that may need everything, such as one without max_tokens, runs alone. And prompts are read one at a
    time: a slot gives the cells of its last request back only when it begins to read its next prompt,
    which it may not come to while another reads a long one.
    """

    def __init__(self, recipe: Recipe) -> None:
        """Loads the model, which holds the GIL and cannot be broken off. Try first, by `require_loadable`."""
        try:
            self._server = start_server(recipe.path, context_size=recipe.context_size, threads=recipe.threads)
        except (RuntimeError, MemoryError) as error:
            raise BackendFailed(
                Sentence(
                    gettext_noop("llama.cpp cannot load %(path)s: %(error)s"),
                    path=recipe.path,
                    error=str(error),
                )
            ) from error
        self._context_size = recipe.context_size
        self._lock = threading.Lock()
        self._waiting: deque[Generation] = deque()
        self._running: dict[Generation, threading.Thread] = {}
        self._is_closed = False

    def submit(self, generation: Generation) -> None:
        generation.tokens = min(generation.tokens, self._context_size)
        with self._lock:
            if self._is_closed:
                raise _unloaded()
            self._waiting.append(generation)
            self._admit()

    def withdraw(self, generation: Generation) -> None:
        """Ends it at the next token, or after the batch of its prompt that is being read."""
        with self._lock:
            generation.is_stopped = True
            if generation in self._waiting:
                self._waiting.remove(generation)
                self._admit()

    def close(self) -> None:
        """Ends what is running and frees the memory. Blocks until that is done; safe to call twice."""
        with self._lock:
            self._is_closed = True
            waiting, threads = list(self._waiting), list(self._running.values())
            self._waiting.clear()
            for generation in self._running:
                generation.is_stopped = True
        for generation in waiting:
            generation.receive(_unloaded())
        for thread in threads:
            thread.join()
        self._server = None

    def _admit(self) -> None:
        while self._waiting and self._has_room_for(self._waiting[0]):
            generation = self._waiting.popleft()
            thread = threading.Thread(
                target=self._run, args=(generation,), name="llama-generation", daemon=True
            )
            try:
                thread.start()
            except RuntimeError:
                generation.receive(
                    BackendUnavailable(Sentence(gettext_noop("No thread could be started for an answer.")))
                )
            else:
                self._running[generation] = thread  # before the thread can end: that needs the lock

    def _has_room_for(self, generation: Generation) -> bool:
        if len(self._running) >= SLOTS or not all(each.has_read_prompt for each in self._running):
            return False
        return sum(each.tokens for each in self._running) + generation.tokens <= self._context_size

    def _run(self, generation: Generation) -> None:
        try:
            last = self._answer(generation)
        finally:
            with self._lock:
                del self._running[generation]
                self._admit()
        generation.receive(last)

    def _answer(self, generation: Generation) -> BackendError | None:
        """What ends the generation. llama.cpp raises only before it begins; later errors are pieces."""

        def take(piece: str) -> bool:
            return self._take(generation, piece)

        try:
            if generation.route == "prompt":
                self._server.handle_completions(generation.body, take)
            else:
                self._server.handle_chat_completions(generation.body, take)
        except (ValueError, RuntimeError) as error:
            return RequestError(
                Sentence(gettext_noop("llama.cpp refuses the request: %(error)s"), error=str(error))
            )
        except Exception as error:
            logger.exception("llama.cpp failed.")
            return BackendFailed(
                Sentence(gettext_noop("llama.cpp failed: %(error)s"), error=str(error)), processed=True
            )
        return _unloaded() if generation.is_stopped else None

    def _take(self, generation: Generation, piece: str) -> bool:
        """llama.cpp's callback; stops it by returning True."""
        if not generation.has_read_prompt and _PROGRESS not in piece:
            generation.has_read_prompt = True
            with self._lock:
                self._admit()
        if not generation.is_stopped:
            generation.receive(piece)
        return generation.is_stopped


def _unloaded() -> BackendUnavailable:
    return BackendUnavailable(Sentence(gettext_noop("The model has been unloaded.")))
