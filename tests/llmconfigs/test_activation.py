from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.db import connection, transaction

from llmbackends.errors import ConfigurationError, RemoteNotAllowed
from llmbackends.secret import Secret
from llmconfigs import activation
from llmconfigs.errors import ConfigGone
from llmconfigs.models import LLMConfig

from .conftest import MakeConfig

ROUNDS = 15


def active_names() -> list[str]:
    return list(LLMConfig.objects.active().values_list("name", flat=True))


def run_at_once(calls: list[Callable[[], object]]) -> None:
    """Each call in a thread with a database connection of its own; raises what one of them raises."""
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], object]) -> None:
        connection.ensure_connection()
        barrier.wait(timeout=10)
        try:
            call()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as executor:
        list(executor.map(run, calls))


def test_activate_activates_the_first_row(make_config: MakeConfig) -> None:
    config = make_config("first")

    activation.activate(config)

    assert config.is_active
    assert active_names() == ["first"]


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
def test_activate_deactivates_the_other_row(make_config: MakeConfig, order: tuple[str, str]) -> None:
    configs = {name: make_config(name) for name in ("a", "b")}
    former, later = order

    activation.activate(configs[former])
    activation.activate(configs[later])

    assert active_names() == [later]


def test_activate_twice_changes_nothing(make_config: MakeConfig) -> None:
    config = make_config("first")

    activation.activate(config)
    activation.activate(config)

    assert active_names() == ["first"]


def test_activate_keeps_the_version(make_config: MakeConfig) -> None:
    config = make_config()

    activation.activate(config)

    assert LLMConfig.objects.get().version == 1


def test_activate_refuses_a_remote_provider(make_config: MakeConfig, settings: Any) -> None:
    activation.activate(make_config("on-premise"))
    remote = make_config("remote", provider="groq", api_key=Secret("gsk_12345"))
    settings.LLM_ALLOW_REMOTE = False

    with pytest.raises(RemoteNotAllowed):
        activation.activate(remote)

    assert active_names() == ["on-premise"]
    assert not remote.is_active


@pytest.mark.parametrize(
    "values",
    [{"provider": "nonesuch"}, {"provider": "groq"}, {"parameters": {"temperature": 5}}, {"options": [1]}],
)
def test_activate_refuses_what_could_not_be_built(make_config: MakeConfig, values: dict[str, Any]) -> None:
    activation.activate(make_config("works"))

    with pytest.raises(ConfigurationError):
        activation.activate(make_config("broken", **values))

    assert active_names() == ["works"]


def test_activate_refuses_a_key_that_cannot_be_decrypted(make_config: MakeConfig, settings: Any) -> None:
    config = make_config(provider="vllm", api_key=Secret("sk-12345"))
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]

    with pytest.raises(ConfigurationError, match="cannot be decrypted"):
        activation.activate(config)


def test_activate_judges_the_row_as_it_is_stored(make_config: MakeConfig) -> None:
    stale = make_config()
    LLMConfig.objects.update(provider="nonesuch")

    with pytest.raises(ConfigurationError):
        activation.activate(stale)


def test_activate_says_that_the_row_is_gone(make_config: MakeConfig) -> None:
    activation.activate(make_config("works"))
    gone = make_config("gone")
    LLMConfig.objects.filter(name="gone").delete()

    with pytest.raises(ConfigGone, match="“gone”"):
        activation.activate(gone)

    assert active_names() == ["works"]


def test_deactivate_tells_whether_the_row_was_active(make_config: MakeConfig) -> None:
    config, other = make_config("a"), make_config("b")
    activation.activate(config)

    assert not activation.deactivate(other)
    assert active_names() == ["a"]
    assert activation.deactivate(config)
    assert active_names() == []
    assert not activation.deactivate(config)


@pytest.mark.django_db(transaction=True)
def test_activations_at_once_leave_exactly_one_active(make_config: MakeConfig) -> None:
    configs = [make_config(f"config-{number}") for number in range(4)]

    for _ in range(ROUNDS):
        LLMConfig.objects.update(is_active=False)
        run_at_once([lambda config=config: activation.activate(config) for config in configs])

        assert len(active_names()) == 1


@pytest.mark.django_db(transaction=True)
def test_activations_at_once_over_an_active_row_leave_exactly_one_active(make_config: MakeConfig) -> None:
    former, *others = [make_config(f"config-{number}") for number in range(3)]

    for _ in range(ROUNDS):
        activation.activate(former)
        run_at_once([lambda config=config: activation.activate(config) for config in others])

        [name] = active_names()
        assert name != former.name


@pytest.mark.django_db(transaction=True)
def test_activation_and_deactivation_at_once_end_in_a_state_of_one_of_them(make_config: MakeConfig) -> None:
    former, later = make_config("former"), make_config("later")

    for _ in range(ROUNDS):
        activation.activate(former)
        run_at_once([lambda: activation.activate(later), lambda: activation.deactivate(former)])

        assert active_names() == ["later"]


@pytest.mark.django_db(transaction=True)
def test_changes_of_all_kinds_at_once_do_not_block_each_other_for_good(make_config: MakeConfig) -> None:
    """No deadlock is broken by the database: it would raise."""
    kept = [make_config(f"kept-{number}") for number in range(3)]

    def save(config: LLMConfig) -> None:
        config.save(update_fields=["max_retries"])

    def update_all() -> None:
        LLMConfig.objects.update(timeout_seconds=60)

    def create_activate_and_delete(name: str) -> None:
        config = make_config(name)
        activation.activate(config)
        config.delete()

    def save_two_in_one_transaction(first: LLMConfig, second: LLMConfig) -> None:
        with transaction.atomic():
            save(first)
            save(second)

    for _ in range(ROUNDS):
        run_at_once(
            [
                lambda: activation.activate(kept[0]),
                lambda: activation.activate(kept[1]),
                lambda: activation.deactivate(kept[0]),
                lambda: save(kept[2]),
                lambda: save_two_in_one_transaction(kept[0], kept[1]),
                lambda: save_two_in_one_transaction(kept[1], kept[0]),
                update_all,
                lambda: create_activate_and_delete("short-lived"),
            ]
        )

    assert LLMConfig.objects.count() == len(kept)
    assert len(active_names()) <= 1


@pytest.mark.django_db(transaction=True)
def test_activation_inside_another_transaction_is_refused(make_config: MakeConfig) -> None:
    config = make_config()

    with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
        activation.activate(config)

    assert not LLMConfig.objects.active().exists()
