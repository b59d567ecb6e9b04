from __future__ import annotations

import pytest

from apikeys import issuing
from apikeys.errors import RevokedApiKey, UnknownApiKey
from tests.apikeys.calling import call_with

pytestmark = pytest.mark.django_db(transaction=True)


def test_reissue_replaces_the_secret_of_the_same_row() -> None:
    first = issuing.issue(name="quickstart", scopes=["generate"])
    old = first.secret.reveal()

    second = issuing.reissue(first.key)

    assert call_with({"x-api-key": second.secret.reveal()}).pk == first.key.pk
    with pytest.raises(UnknownApiKey):
        call_with({"x-api-key": old})


def test_reissue_does_not_undo_a_revocation() -> None:
    issued = issuing.issue(name="quickstart", scopes=["generate"])
    issuing.revoke(issued.key)

    again = issuing.reissue(issued.key)

    with pytest.raises(RevokedApiKey):
        call_with({"x-api-key": again.secret.reveal()})
