from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.db import connection, transaction

from audit.actions import Action
from audit.context import Origin, acting
from audit.models import AuditEvent
from llmbackends.errors import ConfigurationError, RemoteNotAllowed
from llmbackends.secret import Secret
from llmbackends.spec import BackendSpec
from llmconfigs import activation, editing, probing
from llmconfigs.errors import ConfigChangedMeanwhile, ConfigGone, ProbeFailed
from llmconfigs.models import Activation, HealthNote, LLMConfig
from llmconfigs.probing import Probe
from llmconfigs.sealing import SealedSecret

from .actors import KIM, LEE
from .conftest import MakeConfig
from .races import run_at_once

ROUNDS = 15


def active_names() -> list[str]:
    return list(LLMConfig.objects.active().values_list("name", flat=True))


def test_activate_activates_the_first_row(make_config: MakeConfig) -> None:
    config = make_config("first")

    activation.activate(config, by=KIM)

    assert config.is_active
    assert active_names() == ["first"]


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
def test_activate_deactivates_the_other_row(make_config: MakeConfig, order: tuple[str, str]) -> None:
    configs = {name: make_config(name) for name in ("a", "b")}
    former, later = order

    activation.activate(configs[former], by=KIM)
    activation.activate(configs[later], by=KIM)

    assert active_names() == [later]


def test_activate_twice_changes_nothing(make_config: MakeConfig) -> None:
    config = make_config("first")

    activation.activate(config, by=KIM)
    activation.activate(config, by=KIM)

    assert active_names() == ["first"]


def test_activate_keeps_the_version(make_config: MakeConfig) -> None:
    config = make_config()

    activation.activate(config, by=KIM)

    assert LLMConfig.objects.get().version == 1


def test_activate_refuses_a_remote_provider(make_config: MakeConfig, settings: Any) -> None:
    activation.activate(make_config("on-premise"), by=KIM)
    remote = make_config("remote", provider="groq", api_key=Secret("gsk_12345"))
    settings.LLM_ALLOW_REMOTE = False

    with pytest.raises(RemoteNotAllowed):
        activation.activate(remote, by=KIM)

    assert active_names() == ["on-premise"]
    assert not remote.is_active


@pytest.mark.parametrize(
    "values",
    [{"provider": "nonesuch"}, {"provider": "groq"}, {"parameters": {"temperature": 5}}, {"options": [1]}],
)
def test_activate_refuses_what_could_not_be_built(make_config: MakeConfig, values: dict[str, Any]) -> None:
    activation.activate(make_config("works"), by=KIM)

    with pytest.raises(ConfigurationError):
        activation.activate(make_config("broken", **values), by=KIM)

    assert active_names() == ["works"]


def test_activate_refuses_a_key_that_cannot_be_decrypted(make_config: MakeConfig, settings: Any) -> None:
    config = make_config(provider="vllm", api_key=Secret("sk-12345"))
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]

    with pytest.raises(ConfigurationError, match="cannot be decrypted"):
        activation.activate(config, by=KIM)


def test_activate_judges_the_row_as_it_is_stored(make_config: MakeConfig) -> None:
    stale = make_config()
    LLMConfig.objects.update(provider="nonesuch")

    with pytest.raises(ConfigurationError):
        activation.activate(stale, by=KIM)


def test_activate_refuses_a_row_that_is_not_what_the_caller_has_seen(make_config: MakeConfig) -> None:
    seen = make_config("mine")
    LLMConfig.objects.get(pk=seen.pk).save()

    with pytest.raises(ConfigChangedMeanwhile, match="“mine” has been changed"):
        activation.activate(seen, by=KIM)


@pytest.mark.parametrize("change", [{"version": 7}, {"model_name": "other"}, {"api_key": SealedSecret()}])
def test_activate_refuses_a_row_that_is_changed_while_it_is_probed(
    make_config: MakeConfig, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]
) -> None:
    config = make_config(provider="vllm", api_key=Secret("sk-1"))

    def change_meanwhile(spec: BackendSpec) -> Probe:
        LLMConfig.objects.update(**change)
        return Probe()

    monkeypatch.setattr(probing, "probe", change_meanwhile)
    with pytest.raises(ConfigChangedMeanwhile):
        activation.activate(config, by=KIM)

    assert active_names() == []


def test_activate_probes_outside_any_transaction(
    transactional_db: None, make_config: MakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    states: list[bool] = []

    def note_state(spec: BackendSpec) -> Probe:
        states.append(connection.in_atomic_block)
        return Probe()

    monkeypatch.setattr(probing, "probe", note_state)
    activation.activate(make_config(), by=KIM)

    assert states == [False]


def test_activate_refuses_what_does_not_answer(make_config: MakeConfig) -> None:
    activation.activate(make_config("works"), by=KIM)
    config = make_config("sick", options={"fail": "unavailable"})

    with pytest.raises(ProbeFailed, match="“sick” failed") as caught:
        activation.activate(config, by=KIM)

    assert caught.value.probe.failure is not None
    assert caught.value.probe.failure.error_type == "unavailable"
    assert active_names() == ["works"]
    event = AuditEvent.objects.first()
    assert event is not None
    assert (event.action, event.subject_name) == (Action.CONFIG_TESTED, "sick")


def test_activate_of_what_does_not_answer_takes_a_reason_which_is_recorded(make_config: MakeConfig) -> None:
    config = make_config("sick", options={"fail": "unavailable"})

    probe = activation.activate(config, by=KIM, force_reason="  It is being started. ")

    assert active_names() == ["sick"]
    assert not probe.is_ok
    assert Activation.objects.get().force_reason == "It is being started."
    assert AuditEvent.objects.get().details["forced"] == "It is being started."


@pytest.mark.parametrize("reason", ["", "  "])
def test_reason_without_a_word_is_none(make_config: MakeConfig, reason: str) -> None:
    with pytest.raises(ProbeFailed):
        activation.activate(make_config(options={"fail": "check"}), by=KIM, force_reason=reason)


def test_activate_records_what_answered_and_what_answers(make_config: MakeConfig, settings: Any) -> None:
    settings.LLM_ENVIRONMENT = {"LLM_PROVIDER": "dummy", "LLM_MODEL": "fallback"}
    config = make_config("mine", model_name="m")

    with acting(Origin(KIM, "192.0.2.1", "request-1")):
        activation.activate(config, by=KIM, force_reason="not needed")

    event = AuditEvent.objects.get()
    assert (event.action, event.actor_name) == (Action.CONFIG_ACTIVATED, "kim")
    assert (event.subject_kind, event.subject_id) == ("llmconfig", str(config.pk))
    assert event.details["from"] == {"source": "environment", "provider": "dummy", "model": "fallback"}
    assert event.details["to"] == {
        "source": "config",
        "id": config.pk,
        "name": "mine",
        "provider": "dummy",
        "model": "m",
        "version": 1,
    }
    assert event.details["probe"]["ok"]
    assert "forced" not in event.details
    noted = Activation.objects.get()
    assert (noted.config_name, noted.previous_id, noted.by_name) == ("mine", None, "kim")


def test_activation_that_fails_leaves_no_event(make_config: MakeConfig) -> None:
    with pytest.raises(ConfigurationError):
        activation.activate(make_config("broken", provider="nonesuch"), by=KIM)

    assert not AuditEvent.objects.exists()
    assert not Activation.objects.exists()


def test_activate_of_the_active_row_tells_nothing_anew(make_config: MakeConfig) -> None:
    config = make_config()

    activation.activate(config, by=KIM)
    activation.activate(config, by=KIM)

    assert AuditEvent.objects.count() == Activation.objects.count() == 1


def test_activate_notes_the_health(make_config: MakeConfig) -> None:
    config = make_config()

    activation.activate(config, by=KIM)

    assert HealthNote.objects.get().config_id == config.pk


def test_deactivate_is_recorded(make_config: MakeConfig) -> None:
    config = make_config("mine")
    activation.activate(config, by=KIM)

    activation.deactivate(config, by=LEE)
    activation.deactivate(config, by=LEE)

    event = AuditEvent.objects.first()
    assert event is not None
    assert (event.number, event.action, event.subject_name) == (2, Action.CONFIG_DEACTIVATED, "mine")
    assert [each.kind for each in Activation.objects.all()] == ["deactivated", "activated"]
    assert Activation.objects.all()[0].by_name == "lee"


def test_activate_says_that_the_row_is_gone(make_config: MakeConfig) -> None:
    activation.activate(make_config("works"), by=KIM)
    gone = make_config("gone")
    LLMConfig.objects.filter(name="gone").delete()

    with pytest.raises(ConfigGone, match="“gone”"):
        activation.activate(gone, by=KIM)

    assert active_names() == ["works"]


def test_deactivate_tells_whether_the_row_was_active(make_config: MakeConfig) -> None:
    config, other = make_config("a"), make_config("b")
    activation.activate(config, by=KIM)

    assert not activation.deactivate(other, by=KIM)
    assert active_names() == ["a"]
    assert activation.deactivate(config, by=KIM)
    assert active_names() == []
    assert not activation.deactivate(config, by=KIM)


@pytest.mark.django_db(transaction=True)
def test_activations_at_once_leave_exactly_one_active(make_config: MakeConfig) -> None:
    configs = [make_config(f"config-{number}") for number in range(4)]

    for _ in range(ROUNDS):
        LLMConfig.objects.update(is_active=False)
        run_at_once([lambda config=config: activation.activate(config, by=KIM) for config in configs])

        assert len(active_names()) == 1


@pytest.mark.django_db(transaction=True)
def test_activations_at_once_over_an_active_row_leave_exactly_one_active(make_config: MakeConfig) -> None:
    former, *others = [make_config(f"config-{number}") for number in range(3)]

    for _ in range(ROUNDS):
        activation.activate(former, by=KIM)
        run_at_once([lambda config=config: activation.activate(config, by=KIM) for config in others])

        [name] = active_names()
        assert name != former.name


@pytest.mark.django_db(transaction=True)
def test_activation_and_deactivation_at_once_end_in_a_state_of_one_of_them(make_config: MakeConfig) -> None:
    former, later = make_config("former"), make_config("later")

    for _ in range(ROUNDS):
        activation.activate(former, by=KIM)
        run_at_once(
            [lambda: activation.activate(later, by=KIM), lambda: activation.deactivate(former, by=KIM)]
        )

        assert active_names() == ["later"]


@pytest.mark.django_db(transaction=True)
def test_changes_of_all_kinds_at_once_do_not_block_each_other_for_good(make_config: MakeConfig) -> None:
    """No deadlock is broken by the database: it would raise."""
    kept = [make_config(f"kept-{number}") for number in range(3)]

    def save(config: LLMConfig) -> None:
        config.save(update_fields=["max_retries"])

    def activate_unless_changed(config: LLMConfig) -> None:
        with suppress(ConfigChangedMeanwhile):
            activation.activate(LLMConfig.objects.get(pk=config.pk), by=KIM)

    def update_all() -> None:
        LLMConfig.objects.update(timeout_seconds=60)

    def create_activate_and_delete(name: str) -> None:
        config = make_config(name)
        activate_unless_changed(config)
        editing.delete([config], by=KIM)

    def save_two_in_one_transaction(first: LLMConfig, second: LLMConfig) -> None:
        with transaction.atomic():
            save(first)
            save(second)

    for _ in range(ROUNDS):
        run_at_once(
            [
                lambda: activate_unless_changed(kept[0]),
                lambda: activate_unless_changed(kept[1]),
                lambda: activation.deactivate(kept[0], by=KIM),
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
        activation.activate(config, by=KIM)

    assert not LLMConfig.objects.active().exists()
