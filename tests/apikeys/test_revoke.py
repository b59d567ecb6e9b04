from __future__ import annotations

import pytest

from apikeys import issuing
from apikeys.models import ApiKey

pytestmark = pytest.mark.django_db


def test_revoke_marks_the_row_at_once() -> None:
    key = issuing.issue(name="robot", scopes=["read"]).key

    revoked = issuing.revoke(key)

    assert revoked
    assert key.is_revoked
    assert ApiKey.objects.get(pk=key.pk).is_revoked


def test_revoke_keeps_the_time_of_the_first_revocation() -> None:
    key = issuing.issue(name="robot", scopes=["read"]).key
    issuing.revoke(key)
    first = key.revoked_at

    revoked_again = issuing.revoke(key)

    assert not revoked_again
    assert ApiKey.objects.get(pk=key.pk).revoked_at == first
