from __future__ import annotations

from typing import Any

import pytest

from audit.actions import Action
from audit.models import AuditEvent
from llmconfigs import activation, editing, history
from llmconfigs.errors import (
    ApprovalNeeded,
    ConfigChangedMeanwhile,
    NothingToRollBackTo,
    ProbeFailed,
)
from llmconfigs.models import Activation, LLMConfig

from .actors import KIM, LEE
from .conftest import MakeConfig


def active_name() -> str:
    return history.answering_now().name or "the environment"


def roll_back(**values: Any) -> None:
    activation.roll_back(history.roll_back_target(), **({"by": KIM} | values))


def test_there_is_nothing_to_roll_back_to_before_the_first_activation(db: None) -> None:
    with pytest.raises(NothingToRollBackTo):
        history.roll_back_target()


def test_roll_back_returns_to_the_row_active_before(make_config: MakeConfig) -> None:
    activation.activate(make_config("a"), by=KIM)
    activation.activate(make_config("b"), by=KIM)

    assert history.roll_back_target().name == "a"
    roll_back()

    assert active_name() == "a"


def test_roll_back_twice_is_where_it_began(make_config: MakeConfig) -> None:
    activation.activate(make_config("a"), by=KIM)
    activation.activate(make_config("b"), by=KIM)

    roll_back()
    roll_back()

    assert active_name() == "b"


def test_roll_back_of_the_first_activation_returns_to_the_environment(make_config: MakeConfig) -> None:
    activation.activate(make_config("a"), by=KIM)

    assert history.roll_back_target() == history.ENVIRONMENT
    roll_back()

    assert active_name() == "the environment"
    assert [each.kind for each in Activation.objects.all()] == ["rolled_back", "activated"]


def test_roll_back_of_a_deactivation_activates_again(make_config: MakeConfig) -> None:
    config = make_config("a")
    activation.activate(config, by=KIM)
    activation.deactivate(config, by=KIM)

    roll_back()

    assert active_name() == "a"


def test_roll_back_passes_over_what_was_deleted(make_config: MakeConfig) -> None:
    configs = [make_config(name) for name in ("a", "b", "c")]
    for config in configs:
        activation.activate(config, by=KIM)
    editing.delete([configs[1]], by=KIM)

    assert history.roll_back_target().name == "a"


def test_roll_back_after_the_active_row_was_deleted_returns_to_the_one_before(
    make_config: MakeConfig,
) -> None:
    configs = [make_config(name) for name in ("a", "b")]
    for config in configs:
        activation.activate(config, by=KIM)
    editing.delete([configs[1]], by=KIM)

    assert active_name() == "the environment"
    assert history.roll_back_target().name == "a"


def test_roll_back_is_recorded(make_config: MakeConfig) -> None:
    activation.activate(make_config("a"), by=KIM)
    activation.activate(make_config("b"), by=KIM)

    roll_back(by=LEE)

    event = AuditEvent.objects.get(number=3)
    assert (event.action, event.subject_name) == (Action.CONFIG_ROLLED_BACK, "a")
    assert event.details["from"]["name"] == "b"
    assert Activation.objects.all()[0].by_name == "lee"


def test_roll_back_probes(make_config: MakeConfig) -> None:
    former = make_config("a")
    activation.activate(former, by=KIM)
    activation.activate(make_config("b"), by=KIM)
    LLMConfig.objects.filter(pk=former.pk).update(options={"fail": "check"})

    with pytest.raises(ProbeFailed):
        roll_back()
    assert active_name() == "b"

    roll_back(force_reason="b is worse")
    assert active_name() == "a"


def test_roll_back_to_an_environment_that_is_down_needs_a_reason(
    make_config: MakeConfig, settings: Any
) -> None:
    activation.activate(make_config("a"), by=KIM)
    settings.LLM_ENVIRONMENT = {"LLM_PROVIDER": "dummy", "LLM_OPTIONS": '{"fail": "unavailable"}'}

    with pytest.raises(ProbeFailed):
        roll_back()

    roll_back(force_reason="It will come.")
    assert active_name() == "the environment"


def test_roll_back_to_another_target_than_was_told_is_refused(make_config: MakeConfig) -> None:
    configs = {name: make_config(name) for name in "abc"}
    for name in "ab":
        activation.activate(configs[name], by=KIM)
    told = history.roll_back_target()
    activation.activate(configs["c"], by=LEE)

    with pytest.raises(ConfigChangedMeanwhile, match="“a”"):
        activation.roll_back(told, by=KIM)

    assert active_name() == "c"


def test_one_person_may_roll_back_to_what_nobody_has_edited_since(
    make_config: MakeConfig, settings: Any
) -> None:
    activation.activate(make_config("a"), by=KIM)
    activation.activate(make_config("b"), by=KIM)
    settings.ACTIVATION_NEEDS_TWO = True

    roll_back()

    assert active_name() == "a"


def test_one_person_may_roll_back_to_the_environment(make_config: MakeConfig, settings: Any) -> None:
    activation.activate(make_config("a"), by=KIM)
    settings.ACTIVATION_NEEDS_TWO = True

    roll_back()

    assert active_name() == "the environment"


def test_nobody_rolls_back_alone_to_what_was_edited_since(make_config: MakeConfig, settings: Any) -> None:
    former = make_config("a")
    activation.activate(former, by=KIM)
    activation.activate(make_config("b"), by=KIM)
    settings.ACTIVATION_NEEDS_TWO = True
    former.model_name = "other"
    editing.change(former, by=LEE)

    for by in (KIM, LEE):
        with pytest.raises(ApprovalNeeded):
            roll_back(by=by, force_reason="It is urgent.")

    assert active_name() == "b"
