from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from apikeys.models import ApiKey
    from tests.generation.scripted import ScriptedBackend


@pytest.fixture
def key(db: None) -> ApiKey:
    from apikeys import issuing  # pytest imports this file before Django is set up

    return issuing.issue(name="Client", scopes=["generate", "read"]).key


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> ScriptedBackend:
    """The backend that answers every job."""
    from tests.generation.scripted import ScriptedBackend

    scripted = ScriptedBackend()
    monkeypatch.setattr("generation.completions.active_backend", scripted.as_active_backend)
    return scripted
