from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from apikeys.models import ApiKey
    from usage.writer import UsageWriter


@pytest.fixture
def key(db: None) -> ApiKey:
    from apikeys import issuing  # pytest imports this file before Django is set up

    return issuing.issue(name="Client", scopes=["generate", "read"]).key


@pytest.fixture
def writer(transactional_db: None) -> Iterator[UsageWriter]:
    from usage.writer import UsageWriter

    writer = UsageWriter()
    yield writer
    writer.stop(timeout_s=10)
