from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from apikeys.models import ApiKey
    from tests.webhooks.beside import Begin


@pytest.fixture
def key(db: None) -> ApiKey:
    from apikeys import issuing  # pytest imports this file before Django is set up

    return issuing.issue(name="Client", scopes=["generate", "read"]).key


@pytest.fixture
def begin() -> Iterator[Begin]:
    from tests.webhooks.beside import beginning

    with beginning() as begin:
        yield begin
