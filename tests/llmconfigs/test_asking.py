from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from audit.actions import Action
from audit.context import SYSTEM, Actor, Origin, acting
from audit.models import AuditEvent
from llmbackends.spec import BackendSpec
from llmconfigs import asking
from llmconfigs.errors import TooManyProbes
from llmconfigs.models import HealthNote

from .actors import KIM, LEE
from .conftest import MakeConfig
from .races import outcomes_at_once

SPEC = BackendSpec("dummy", "dummy")
pytestmark = pytest.mark.django_db


def ask_as(actor: Actor) -> object:
    with acting(Origin(actor)):
        return asking.probe(SPEC)


def test_probe_is_recorded_with_the_address_that_is_asked(make_config: MakeConfig) -> None:
    config = make_config("mine")
    spec = BackendSpec("dummy", "m", endpoint_url="http://gpu:1")

    with acting(Origin(KIM)):
        asking.probe(spec, config=config)

    event = AuditEvent.objects.get()
    assert (event.action, event.actor_name, event.subject_name) == (Action.CONFIG_TESTED, "kim", "mine")
    assert event.details == {"provider": "dummy", "model": "m", "endpoint": "http://gpu:1"}


def test_fetch_of_models_is_recorded() -> None:
    assert asking.fetch_models(SPEC) == ("dummy",)

    assert AuditEvent.objects.get().action == Action.CONFIG_MODELS_FETCHED


def test_health_is_noted_of_a_stored_row_alone(make_config: MakeConfig) -> None:
    config = make_config("mine")

    asking.probe(SPEC)
    asking.probe(SPEC, config=config)
    assert not HealthNote.objects.exists()

    asking.probe(SPEC, config=config, is_stored=True)
    assert HealthNote.objects.get().config_id == config.pk


def test_user_may_ask_so_often_a_minute(settings: Any) -> None:
    settings.PROBES_PER_MINUTE = 3
    with acting(Origin(KIM)):
        asking.fetch_models(SPEC)
    ask_as(KIM)
    ask_as(KIM)

    with pytest.raises(TooManyProbes, match="3 times a minute"):
        ask_as(KIM)

    assert AuditEvent.objects.count() == 3


def test_limit_is_each_users_own(settings: Any) -> None:
    settings.PROBES_PER_MINUTE = 1

    ask_as(KIM)
    ask_as(LEE)

    assert AuditEvent.objects.count() == 2


def test_what_was_asked_a_minute_ago_does_not_count(settings: Any) -> None:
    settings.PROBES_PER_MINUTE = 1
    with pytest.MonkeyPatch.context() as patch:
        a_minute_ago = timezone.now() - timedelta(seconds=61)
        patch.setattr("audit.trail.timezone.now", lambda: a_minute_ago)
        ask_as(KIM)

    ask_as(KIM)


def test_commands_are_not_limited(settings: Any) -> None:
    settings.PROBES_PER_MINUTE = 1

    ask_as(SYSTEM.actor)
    ask_as(SYSTEM.actor)


@pytest.mark.django_db(transaction=True)
def test_limit_holds_for_those_who_ask_at_once(settings: Any) -> None:
    settings.PROBES_PER_MINUTE = 2

    outcomes = outcomes_at_once([lambda: ask_as(KIM)] * 5)

    assert sorted(type(each).__name__ for each in outcomes) == ["Probe"] * 2 + ["TooManyProbes"] * 3
