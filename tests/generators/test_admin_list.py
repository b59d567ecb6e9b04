from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from generators.models import State

from .pages import url
from .rows import draft, published

pytestmark = pytest.mark.django_db


def names(client: Client, **query: Any) -> list[str]:
    return [row.public_name for row in client.get(url("changelist"), query).context["cl"].result_list]


@pytest.fixture(autouse=True)
def rows() -> None:
    draft("zeta")
    for version in (1, 2, 10):
        published("form", version, is_current=version == 2, is_active=version != 1)
    draft("form", 11)


def test_versions_of_a_name_stand_together_the_latest_first(admin_client: Client) -> None:
    assert names(admin_client, q="form") == ["form-v11", "form-v10", "form-v2", "form-v1"]
    assert names(admin_client)[-1] == "zeta-v1"


@pytest.mark.parametrize(
    ("state", "kept"),
    [
        (State.DRAFT, ["form-v11"]),
        (State.ACTIVE, ["form-v10"]),
        (State.CURRENT, ["form-v2"]),
        (State.RETIRED, ["form-v1"]),
        ("no-such", ["form-v11", "form-v10", "form-v2", "form-v1"]),
    ],
)
def test_list_is_filtered_by_state(admin_client: Client, state: str, kept: list[str]) -> None:
    assert names(admin_client, q="form", state=state) == kept


def test_each_state_has_its_badge(admin_client: Client) -> None:
    html = admin_client.get(url("changelist")).content.decode()

    for badge in ("badge-warn", "badge-info", "badge-ok", "badge "):
        assert f'<span class="badge {badge.removeprefix("badge ")}">' in html


def test_description_is_cut_to_its_beginning(admin_client: Client) -> None:
    draft("long", description="A form from a table.\nMore of it.")

    html = admin_client.get(url("changelist"), {"q": "long"}).content.decode()

    assert "A form from a table.…" in html
    assert "More of it." not in html
