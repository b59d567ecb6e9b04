from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from apikeys.models import ApiKey
    from generators.models import Generator
    from tests.generation.scripted import ScriptedBackend


@pytest.fixture
def key(db: None) -> ApiKey:
    from apikeys import issuing  # pytest imports this file before Django is set up

    return issuing.issue(name="Client", scopes=["generate", "read"]).key


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> ScriptedBackend:
    """The backend that answers every job."""
    from generation.answering import refused_formats
    from tests.generation.scripted import ScriptedBackend

    refused_formats.forget()
    scripted = ScriptedBackend()
    monkeypatch.setattr("generation.answering.completions.active_backend", scripted.as_active_backend)
    return scripted


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes these generators, which need not be saved, those that every job finds, without a database."""
    from epochs.current import Epochs
    from generators.known import Generators

    def make_known(*rows: Generator) -> None:
        async def current() -> Epochs:
            return Epochs(1, 1, 1)

        async def generators(epochs: Epochs) -> Generators:
            return Generators(rows)

        monkeypatch.setattr("generation.running.execution.current", current)
        monkeypatch.setattr("generators.known.known", generators)

    return make_known
