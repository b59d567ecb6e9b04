"""Starts llama.cpp's server object. Run as a script, it does so as a trial, in a process of its own:

    python -P server.py MODEL.gguf CONTEXT_SIZE THREADS chat|embeddings

llama.cpp aborts the whole process on some faults in a file's metadata, and prints the reason for the others
on stderr only. The trial catches both, and warms the page cache: the constructor of `xllamacpp.Server`
holds the GIL until the model is loaded, so it had better be quick. For that reason, too, the file is mapped
and its weights are not repacked.

Imports nothing of this package, so that it runs as a script.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

SLOTS = 4
"""Requests that llama.cpp answers at the same time; they share one context."""

_BATCH = 128
"""Tokens of a prompt between two chances to stop."""

_ERRORS_ONLY = 1


_EMBEDDING_BATCH = 2048
"""The longest text that can be embedded, in tokens: llama.cpp reads each in one batch."""

_NO_POOLING = "Pooling type 'none'"


def start_server(path: Path, *, context_size: int, threads: int | None) -> Any:
    """An `xllamacpp.Server` with the model loaded. Raises RuntimeError if that fails."""
    params = _params(path, context_size, threads)
    params.n_batch = params.n_ubatch = _BATCH
    return _start(params)


def start_embedding_server(path: Path, *, context_size: int, threads: int | None) -> Any:
    """As `start_server`, for embeddings: pooled as the model was made for, or by the mean if for nothing."""
    import xllamacpp

    params = _params(path, context_size, threads)
    params.embedding = True
    params.n_batch = params.n_ubatch = min(context_size, _EMBEDDING_BATCH)
    server = _start(params)
    if _NO_POOLING not in str(server.handle_embeddings('{"input": "a"}')):
        return server
    del server  # its memory is free before the other is loaded
    params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    return _start(params)


def _params(path: Path, context_size: int, threads: int | None) -> Any:
    import xllamacpp  # a library of 100 MB: imported only where a model is loaded

    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.load_mode = xllamacpp.llama_load_mode.LLAMA_LOAD_MODE_MMAP
    params.no_extra_bufts = True
    params.warmup = False
    params.n_ctx = context_size
    params.kv_unified = True
    params.n_parallel = SLOTS
    params.cache_ram_mib = 0
    params.verbosity = _ERRORS_ONLY
    params.n_threads_http = 1
    params.endpoint_metrics = True  # for the call below
    if threads is not None:
        params.cpuparams.n_threads = min(threads, available_cores())
    return params


def _start(params: Any) -> Any:
    """The object always listens for HTTP; here on a socket in a private directory, removed at once, so that
    nobody can reach it."""
    import xllamacpp

    with tempfile.TemporaryDirectory(prefix="llama-") as directory:
        params.hostnames = [f"{directory}/unused.sock"]
        server = xllamacpp.Server(params)
    # Its loop may not run yet, and a server that is destroyed before then hangs. This goes through the loop.
    server.handle_metrics()
    return server


def available_cores() -> int:
    """More threads than cores make llama.cpp many times slower, as its threads spin while they wait."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


if __name__ == "__main__":
    _, _path, _context_size, _threads, _purpose = sys.argv
    _start_for = {"chat": start_server, "embeddings": start_embedding_server}[_purpose]
    _start_for(Path(_path), context_size=int(_context_size), threads=int(_threads) or None)
    os._exit(0)
