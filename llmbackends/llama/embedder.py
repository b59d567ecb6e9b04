"""One model loaded for embeddings, which llama.cpp cannot make beside answers in one instance."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future

from ..errors import BackendError, BackendFailed, BackendUnavailable, RequestError
from ..texts import Sentence, gettext_noop
from .model_file import Recipe
from .server import start_embedding_server

logger = logging.getLogger(__name__)


class Embedder:
    """Works on one request at a time, in the order they come to their turn."""

    def __init__(self, recipe: Recipe) -> None:
        """Loads the model, which holds the GIL and cannot be broken off. Try first, by `require_loadable`."""
        try:
            self._server = start_embedding_server(
                recipe.path, context_size=recipe.context_size, threads=recipe.threads
            )
        except (RuntimeError, MemoryError) as error:
            raise BackendFailed(
                Sentence(
                    gettext_noop("llama.cpp cannot load %(path)s: %(error)s"),
                    path=recipe.path,
                    error=str(error),
                )
            ) from error
        self._turn = threading.Lock()
        self._is_closed = False

    def submit(self, body: str) -> Future[str]:
        """`body`, result: JSON in the OpenAI language. Cancel the future to give up before its turn."""
        future: Future[str] = Future()
        thread = threading.Thread(target=self._run, args=(future, body), name="llama-embedding", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            raise BackendUnavailable(
                Sentence(gettext_noop("No thread could be started for an embedding."))
            ) from error
        return future

    def close(self) -> None:
        """Frees the memory. Blocks until what is running has ended; safe to call twice."""
        self._is_closed = True
        with self._turn:
            self._server = None

    def _run(self, future: Future[str], body: str) -> None:
        with self._turn:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = self._answer(body)
            except BackendError as error:
                future.set_exception(error)
            else:
                future.set_result(result)

    def _answer(self, body: str) -> str:
        if self._is_closed:
            raise BackendUnavailable(Sentence(gettext_noop("The model has been unloaded.")))
        try:
            return str(self._server.handle_embeddings(body))
        except (ValueError, RuntimeError) as error:
            raise RequestError(
                Sentence(gettext_noop("llama.cpp refuses the request: %(error)s"), error=str(error))
            ) from error
        except Exception as error:
            logger.exception("llama.cpp failed.")
            raise BackendFailed(
                Sentence(gettext_noop("llama.cpp failed: %(error)s"), error=str(error)), processed=True
            ) from error
