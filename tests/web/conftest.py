"""Django is not set up yet when this file is read: what needs it is imported in the fixtures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from tests.api.conftest import activate, call_as, runner, server_url  # noqa: F401

if TYPE_CHECKING:
    from tests.web.visitors import Visitor


@pytest.fixture
def visit_as(server_url: str, transactional_db: None) -> Iterator[Callable[..., Visitor]]:  # noqa: F811
    """Makes a browser without a screen, of a user who has the permissions and is logged in."""
    from tests.web.visitors import Visitor

    visitors: list[Visitor] = []

    def make(*permissions: str, name: str = "mina", **fields: object) -> Visitor:
        visitors.append(Visitor(server_url, *permissions, name=name, **fields))
        return visitors[-1]

    yield make
    for visitor in visitors:
        visitor.close()
