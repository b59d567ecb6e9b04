from __future__ import annotations

import base64

import pytest

from llmbackends.secret import Secret
from webhooks.signing import SecretUnusable, headers_of

# The vector of the specification's own libraries (standardwebhooks for Python and others, and Svix's manual).
SECRET = Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def sign(*secrets: Secret) -> dict[str, str]:
    return headers_of(
        "msg_p5jXN8AQM9LWM0D4loKWxJek", sent_at=1614265330, body=b'{"test": 2432232314}', secrets=secrets
    )


def test_signature_is_that_of_the_specification() -> None:
    assert sign(SECRET) == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": SIGNATURE,
    }


def test_each_valid_secret_gives_a_signature() -> None:
    other = Secret("whsec_" + base64.b64encode(bytes(32)).decode())

    first, second = sign(SECRET, other)["webhook-signature"].split(" ")

    assert first == SIGNATURE
    assert second.startswith("v1,")
    assert second != first


@pytest.mark.parametrize(
    "secrets",
    [
        (),
        (Secret(""),),
        (Secret("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),),
        (Secret("whsec_"),),
        (Secret("whsec_****"),),
        (Secret("whsec_c2hvcnQ="),),
        (SECRET, Secret("whsec_")),
    ],
)
def test_nothing_is_signed_with_what_is_no_secret(secrets: tuple[Secret, ...]) -> None:
    with pytest.raises(SecretUnusable) as refusal:
        sign(*secrets)

    assert "MfKQ" not in str(refusal.value)
