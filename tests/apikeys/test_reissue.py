from __future__ import annotations

import pytest

from apikeys import issuing
from apikeys.authentication import authenticate
from apikeys.errors import RevokedApiKey, UnknownApiKey

pytestmark = pytest.mark.django_db


def test_reissue_replaces_the_secret_of_the_same_row() -> None:
    first = issuing.issue(name="quickstart", scopes=["generate"])
    old = first.secret.reveal()

    second = issuing.reissue(first.key)

    assert authenticate({"x-api-key": second.secret.reveal()}).pk == first.key.pk
    with pytest.raises(UnknownApiKey):
        authenticate({"x-api-key": old})


def test_reissue_does_not_undo_a_revocation() -> None:
    issued = issuing.issue(name="quickstart", scopes=["generate"])
    issuing.revoke(issued.key)

    again = issuing.reissue(issued.key)

    with pytest.raises(RevokedApiKey):
        authenticate({"x-api-key": again.secret.reveal()})
