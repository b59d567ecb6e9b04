from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from apikeys.models import ApiKey


@pytest.fixture
def key(db: None) -> ApiKey:
    from apikeys import issuing  # pytest imports this file before Django is set up

    return issuing.issue(name="Client", scopes=["generate", "read"]).key
