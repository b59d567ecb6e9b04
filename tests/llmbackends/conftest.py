"""Toy models for llama.cpp, made once for each test process."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.make_toy_gguf import Mode, write_toy_gguf


@pytest.fixture(scope="session")
def toy_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


def _toy(directory: Path, mode: Mode, *, context_size: int = 4096, **shape: int) -> Path:
    return write_toy_gguf(
        directory / f"toy-{mode}-{context_size}.gguf", mode=mode, context_size=context_size, **shape
    )


@pytest.fixture(scope="session")
def toy_gguf(toy_directory: Path) -> Path:
    """Answers one readable sentence."""
    return _toy(toy_directory, "bigram")


@pytest.fixture(scope="session")
def toy_gguf_tools(toy_directory: Path) -> Path:
    """Calls a tool whenever it may."""
    return _toy(toy_directory, "tools")


@pytest.fixture(scope="session")
def toy_gguf_endless(toy_directory: Path) -> Path:
    """Talks until max_tokens or the end of its long context."""
    return _toy(toy_directory, "random", context_size=32768)


@pytest.fixture(scope="session")
def toy_gguf_slow(toy_directory: Path) -> Path:
    """Takes long for a long prompt, and some 80 MB of memory."""
    return _toy(toy_directory, "random", context_size=16384, width=512, layers=8)
