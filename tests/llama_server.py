"""A real llama.cpp HTTP server on a loopback port, in a process of its own."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# Ends when its standard input does, so it cannot outlive the tests.
_SCRIPT = """
import sys, xllamacpp
path, alias, context_size, api_key, embeddings = sys.argv[1:]
params = xllamacpp.CommonParams()
params.model.path = path
params.model_alias = {alias}
params.n_ctx = int(context_size)
params.n_parallel = 4
params.kv_unified = True
params.cpuparams.n_threads = 1
params.verbosity = 1
params.warmup = False
params.hostnames = ["127.0.0.1"]
params.port = 0
if embeddings:
    params.embedding = True
    params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
if api_key:
    params.api_keys = [api_key]
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
sys.stdin.read()
"""


@dataclass(frozen=True)
class LlamaServer:
    """`url` without /v1; `model` is the name it serves."""

    url: str
    model: str


@contextlib.contextmanager
def running_llama_server(
    path: Path, *, context_size: int = 4096, api_key: str = "", embeddings: bool = False
) -> Iterator[LlamaServer]:
    """Yields when the model is loaded. `embeddings`: it makes embeddings, and then nothing else."""
    arguments = [str(path), path.stem, str(context_size), api_key, "yes" if embeddings else ""]
    command = [sys.executable, "-c", _SCRIPT, *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            url = process.stdout.readline().strip()
            assert url.startswith("http://127.0.0.1:"), f"llama.cpp did not start with {path}"
            yield LlamaServer(url, path.stem)
        finally:
            process.stdin.close()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
