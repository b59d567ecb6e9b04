from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from apikeys.known import KeysOfEpoch, KnownKeys
from apikeys.models import ApiKey


def key(number: int) -> ApiKey:
    return ApiKey(pk=number, digest=f"digest-{number}")


def test_keys_of_one_epoch_are_not_found_under_another() -> None:
    known = KnownKeys()
    known.under(5).add(key(1))

    assert known.under(5).get("digest-1") == key(1)
    assert known.under(6).get("digest-1") is None
    assert known.under(5).get("digest-1") is None


def test_key_that_was_read_for_an_older_epoch_is_not_taken_up() -> None:
    known = KnownKeys()
    of_slow_request = known.under(5)
    known.under(6)

    of_slow_request.add(key(1))

    assert known.under(6).get("digest-1") is None


def test_keys_used_longest_ago_are_forgotten() -> None:
    keys = KeysOfEpoch(1, most=2)
    keys.add(key(1))
    keys.add(key(2))
    keys.get("digest-1")

    keys.add(key(3))

    assert [keys.get(f"digest-{number}") is not None for number in (1, 2, 3)] == [True, False, True]


def test_threads_may_share_the_keys() -> None:
    keys = KeysOfEpoch(1, most=10)

    def use(start: int) -> None:
        for number in range(start, start + 20_000):
            keys.add(key(number % 25))
            keys.get(f"digest-{number % 17}")

    with ThreadPoolExecutor(4) as executor:
        list(executor.map(use, range(4)))

    assert len(keys) == 10
