from __future__ import annotations

import pytest
from django.utils import translation

from audit.context import SYSTEM
from llmbackends.base import CheckReport
from llmbackends.errors import BackendUnavailable
from llmbackends.spec import BackendSpec
from llmconfigs import activation
from llmconfigs.models import LLMConfig
from web.dashboard.health import SHARED_S, HealthNow

pytestmark = pytest.mark.django_db


class Service:
    """Counts how often it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.now = 0.0
        self.is_well = True

    def check(self, spec: BackendSpec) -> CheckReport:
        self.asked.append(spec.provider)
        if not self.is_well:
            raise BackendUnavailable("Nobody is there.")
        return CheckReport("I am well.", 0.25)

    def clock(self) -> float:
        return self.now


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def health_now(service: Service) -> HealthNow:
    return HealthNow(service.check, service.clock)


def test_health_is_what_the_service_says(health_now: HealthNow) -> None:
    health = health_now.get()

    assert (health.is_well, health.detail, health.took_s) == (True, "I am well.", 0.25)


def test_health_of_a_service_that_is_away_says_why(health_now: HealthNow, service: Service) -> None:
    service.is_well = False

    health = health_now.get()

    assert not health.is_well
    assert "cannot be reached" in health.detail


def test_health_that_is_shared_is_told_to_each_in_their_language(
    health_now: HealthNow, service: Service
) -> None:
    service.is_well = False
    with translation.override("ko"):
        assert "cannot be reached" not in health_now.get().detail

    assert "cannot be reached" in health_now.get().detail


def test_health_is_shared_for_a_moment(health_now: HealthNow, service: Service) -> None:
    health_now.get()
    service.now += SHARED_S - 1
    health_now.get()
    assert len(service.asked) == 1

    service.now += 1
    health_now.get()
    assert len(service.asked) == 2


def test_health_is_asked_anew_when_another_configuration_is_active(
    health_now: HealthNow, service: Service
) -> None:
    before = health_now.get()
    activation.activate(LLMConfig.objects.create(name="Main", provider="dummy"), by=SYSTEM.actor)

    after = health_now.get()

    assert len(service.asked) == 2
    assert before.of != after.of
