"""The models that this process has loaded: each once, however many backends and event loops use it.

A model is loaded when its first user comes and freed when its last one has gone; loading and freeing run in
threads of their own. The threads are daemons, since a join at exit could last as long as an answer; but one
that is still inside llama.cpp when the interpreter goes aborts the process. Hence `close_all` at exit.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future

from ..errors import BackendError, BackendFailed, BackendUnavailable
from ..texts import Sentence, gettext_noop
from .embedder import Embedder
from .model import LlamaModel
from .model_file import Purpose, Recipe
from .trial import require_loadable

logger = logging.getLogger(__name__)


_LOADERS: dict[Purpose, Callable[[Recipe], LlamaModel | Embedder]] = {
    "chat": LlamaModel,
    "embeddings": Embedder,
}


class SharedModel:
    """A model on its way in, in use or on its way out.

    loaded: the model, or the BackendError that kept it from loading.
    is_in_llama: from when loading can no longer be abandoned.
    freed: done when its memory is free again.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.users = 0
        self.is_in_llama = False
        self.loaded: Future[LlamaModel | Embedder] = Future()
        self.freed: Future[None] = Future()


class ModelPool:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_recipe: dict[Recipe, SharedModel] = {}
        self._not_freed: set[SharedModel] = set()
        self._is_closed = False

    def acquire(self, recipe: Recipe) -> SharedModel:
        """Counts the caller as a user; it must `release` later, whether the model loads or not.

        Raises BackendUnavailable, and counts nobody, if loading cannot even begin.
        """
        with self._lock:
            self._require_open()
            shared = self._by_recipe.get(recipe)
            if shared is None:
                shared = SharedModel(recipe)
                _start_thread(self._load, shared)  # first, as nobody would ever load it if this fails
                self._by_recipe[recipe] = shared
                self._not_freed.add(shared)
            shared.users += 1
            return shared

    def retain(self, shared: SharedModel) -> None:
        """Counts one more user of a model that the caller uses already."""
        with self._lock:
            shared.users += 1

    def release(self, shared: SharedModel) -> bool:
        """True if that was the last user: then wait for `shared.freed` where it matters."""
        with self._lock:
            shared.users -= 1
            if shared.users:
                return False
            self._forget(shared)
            _start_thread(self._free, shared)
            return True

    def close_all(self) -> None:
        """Ends and frees everything. Blocks until that is done; nothing can be loaded afterwards."""
        with self._lock:
            self._is_closed = True
            begun = [shared for shared in self._not_freed if shared.is_in_llama]
        for shared in begun:
            self._free(shared)

    def _load(self, shared: SharedModel) -> None:
        try:
            require_loadable(shared.recipe)
            with self._lock:
                self._require_open()
                shared.is_in_llama = True
            model = _LOADERS[shared.recipe.purpose](shared.recipe)
        except Exception as error:
            with self._lock:
                self._forget(shared)  # so that the next user tries again
            shared.loaded.set_exception(_as_backend_error(error))
        else:
            logger.info("Loaded %s.", shared.recipe.path)
            shared.loaded.set_result(model)

    def _free(self, shared: SharedModel) -> None:
        with contextlib.suppress(BackendError):
            shared.loaded.result().close()
            logger.info("Unloaded %s.", shared.recipe.path)
        with self._lock:
            is_first = shared in self._not_freed
            self._not_freed.discard(shared)
        if is_first:
            shared.freed.set_result(None)

    def _require_open(self) -> None:
        if self._is_closed:
            raise BackendUnavailable(Sentence(gettext_noop("This process is ending.")))

    def _forget(self, shared: SharedModel) -> None:
        if self._by_recipe.get(shared.recipe) is shared:
            del self._by_recipe[shared.recipe]


def _as_backend_error(error: Exception) -> BackendError:
    if isinstance(error, BackendError):
        return error
    logger.error("Loading a model failed.", exc_info=error)
    return BackendFailed(Sentence(gettext_noop("Loading the model failed: %(error)s"), error=str(error)))


def _start_thread(target: Callable[[SharedModel], None], shared: SharedModel) -> None:
    thread = threading.Thread(target=target, args=(shared,), name="llama-pool", daemon=True)
    try:
        thread.start()
    except RuntimeError as error:
        raise BackendUnavailable(
            Sentence(gettext_noop("No thread could be started for %(path)s."), path=shared.recipe.path)
        ) from error


_pool = ModelPool()
atexit.register(_pool.close_all)
acquire = _pool.acquire
retain = _pool.retain
release = _pool.release
