from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from cryptography.fernet import Fernet

from llmbackends.secret import Secret
from llmconfigs.errors import EncryptionKeysMalformed, SecretBoundElsewhere, SecretUndecryptable
from llmconfigs.sealing import SealedSecret

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


def test_sealed_secret_reveals_what_was_sealed() -> None:
    sealed = SealedSecret.seal(Secret("sk-ü-123"))

    assert sealed.reveal() == Secret("sk-ü-123")


def test_sealed_secret_token_is_not_the_secret() -> None:
    assert "sk-12345" not in SealedSecret.seal(Secret("sk-12345")).token


def test_empty_secret_needs_no_encryption_key(settings: Any) -> None:
    settings.FIELD_ENCRYPTION_KEYS = []

    sealed = SealedSecret.seal(Secret(""))

    assert not sealed
    assert sealed.token == ""
    assert sealed.reveal() == Secret("")


def test_first_key_encrypts(settings: Any) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [NEW, OLD]

    token = SealedSecret.seal(Secret("sk-12345")).token

    assert Fernet(NEW).decrypt(token) == b"sk-12345"


def test_every_key_decrypts(settings: Any) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [OLD]
    sealed = SealedSecret.seal(Secret("sk-12345"))

    settings.FIELD_ENCRYPTION_KEYS = [NEW, OLD]

    assert sealed.reveal() == Secret("sk-12345")


def test_wrong_key_is_a_typed_error_that_says_what_to_do(settings: Any) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [OLD]
    sealed = SealedSecret.seal(Secret("sk-12345"))

    settings.FIELD_ENCRYPTION_KEYS = [NEW]

    with pytest.raises(SecretUndecryptable, match="FIELD_ENCRYPTION_KEYS"):
        sealed.reveal()


@pytest.mark.parametrize("token", ["sk-plain-text-in-the-column", "gAAAAA-cut", "ü"])
def test_text_that_is_no_token_is_never_used_as_a_key(token: str) -> None:
    with pytest.raises(SecretUndecryptable):
        SealedSecret(token).reveal()


@pytest.mark.parametrize("keys", [["short"], ["ü" * 44], [""], []])
def test_malformed_keys_are_an_error_that_names_the_variable(settings: Any, keys: list[str]) -> None:
    settings.FIELD_ENCRYPTION_KEYS = keys

    with pytest.raises(EncryptionKeysMalformed, match="FIELD_ENCRYPTION_KEYS"):
        SealedSecret.seal(Secret("sk-12345"))


def test_malformed_second_key_is_named_by_its_position(settings: Any) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [OLD, "not-a-key"]

    with pytest.raises(EncryptionKeysMalformed, match="key 2 is not") as caught:
        SealedSecret.seal(Secret("sk-12345"))

    assert "not-a-key" not in str(caught.value)


def test_hint_is_the_end_of_a_long_secret() -> None:
    assert SealedSecret.seal(Secret("sk-0123456789abcd")).hint == "abcd"
    assert SealedSecret.seal(Secret("short")).hint == ""


def test_sealed_secret_is_masked() -> None:
    sealed = SealedSecret.seal(Secret("sk-12345"))

    assert {repr(sealed), str(sealed), f"{sealed}"} == {"SealedSecret('********')", "********"}


def test_sealed_secret_is_not_pickled() -> None:
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(SealedSecret.seal(Secret("sk-12345")))


def test_sealed_secret_is_copied_as_itself() -> None:
    sealed = SealedSecret.seal(Secret("sk-12345"))

    assert copy.copy(sealed) is sealed
    assert copy.deepcopy([sealed]) == [sealed]


def test_sealed_secrets_are_equal_by_token() -> None:
    assert SealedSecret("token") == SealedSecret("token")
    assert SealedSecret("token") != SealedSecret("other")
    assert SealedSecret("token") != "token"
    assert len({SealedSecret("token"), SealedSecret("token")}) == 1


def test_bound_secret_is_revealed_for_its_receiver_alone() -> None:
    stored = SealedSecret(SealedSecret.seal(Secret("sk-12345")).bound("https://h:443").token)

    assert stored.reveal("https://h:443") == Secret("sk-12345")
    for other in ("", "https://h:444", "https://h:443\n", "http://h:443"):
        with pytest.raises(SecretBoundElsewhere):
            stored.reveal(other)


def test_secret_is_bound_once() -> None:
    bound = SealedSecret.seal(Secret("sk-12345")).bound("https://h:443")

    assert bound.bound("https://evil:443") is bound


def test_unbound_secret_is_revealed_for_no_receiver() -> None:
    stored = SealedSecret(SealedSecret.seal(Secret("sk-12345")).bound("").token)

    assert stored.reveal() == Secret("sk-12345")
    with pytest.raises(SecretBoundElsewhere):
        stored.reveal("https://h:443")


def test_hint_shows_no_receiver() -> None:
    assert SealedSecret.seal(Secret("sk-0123456789abcd")).bound("https://h:443").hint == "abcd"
    assert SealedSecret.seal(Secret("short")).bound("https://a-long-host-name:443").hint == ""
