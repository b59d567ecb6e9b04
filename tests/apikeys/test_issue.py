from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from apikeys import issuing
from apikeys.models import ApiKey

pytestmark = pytest.mark.django_db


def test_issue_stores_the_row_but_not_the_secret() -> None:
    issued = issuing.issue(name="robot", scopes=["generate"])

    stored = ApiKey.objects.values().get(pk=issued.key.pk)
    secret = issued.secret.reveal()
    assert stored["name"] == "robot"
    assert stored["scopes"] == ["generate"]
    assert len(stored["digest"]) == 64
    assert secret.removeprefix(stored["prefix"] + "_") not in str(stored)


def test_issue_starts_the_secret_with_the_public_prefix() -> None:
    issued = issuing.issue(name="robot", scopes=["read"])

    start, _, random = issued.secret.reveal().rpartition(f"{issued.key.prefix}_")
    assert start == ""
    assert issued.key.prefix.startswith("co_")
    assert len(random) == 43


def test_issue_never_gives_the_same_secret_twice() -> None:
    secrets = {issuing.issue(name="robot", scopes=["read"]).secret.reveal() for _ in range(50)}

    assert len(secrets) == 50


def test_issued_secret_is_masked_in_repr() -> None:
    issued = issuing.issue(name="robot", scopes=["read"])

    assert issued.secret.reveal() not in repr(issued)


@pytest.mark.parametrize(
    ("name", "scopes", "field"),
    [
        ("", ["read"], "name"),
        ("   ", ["read"], "name"),
        ("x" * 101, ["read"], "name"),
        ("robot", [], "scopes"),
        ("robot", ["read", "fly"], "scopes"),
        ("robot", ["read", "read"], "scopes"),
    ],
)
def test_issue_refuses_wrong_values_by_field(name: str, scopes: list[str], field: str) -> None:
    with pytest.raises(ValidationError) as caught:
        issuing.issue(name=name, scopes=scopes)

    assert list(caught.value.message_dict) == [field]
    assert not ApiKey.objects.exists()


def test_issue_refuses_an_expiry_in_the_past() -> None:
    with pytest.raises(ValidationError) as caught:
        issuing.issue(name="robot", scopes=["read"], expires_at=timezone.now() - timedelta(seconds=1))

    assert list(caught.value.message_dict) == ["expires_at"]
