from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from audit.actions import Action
from audit.models import AuditEvent
from llmbackends.errors import ConfigurationError
from llmbackends.spec import BackendSpec
from llmconfigs import activation, editing, probing, requests, selectors
from llmconfigs.errors import (
    AlreadyRequested,
    ApprovalNeeded,
    ApproverInvolved,
    ConfigChangedMeanwhile,
    ConfigGone,
    NotYourRequest,
    ProbeFailed,
    RequestNotPending,
)
from llmconfigs.models import ActivationRequest, LLMConfig
from llmconfigs.probing import Probe

from .actors import KIM, LEE, PARK
from .conftest import MakeConfig
from .races import outcomes_at_once


@pytest.fixture(autouse=True)
def _two_person_rule(settings: Any) -> None:
    settings.ACTIVATION_NEEDS_TWO = True


@pytest.fixture
def config(make_config: MakeConfig) -> LLMConfig:
    """Edited by Lee."""
    config = make_config("mine")
    config.model_name = "m"
    editing.change(config, by=LEE)
    return config


def active_names() -> list[str]:
    return list(LLMConfig.objects.active().values_list("name", flat=True))


def state_of(request: ActivationRequest) -> str:
    return str(ActivationRequest.objects.get(pk=request.pk).state)


def make_overdue(request: ActivationRequest) -> None:
    ActivationRequest.objects.filter(pk=request.pk).update(expires_at=timezone.now() - timedelta(seconds=1))


def test_nobody_activates_alone(config: LLMConfig) -> None:
    for by in (KIM, LEE):
        with pytest.raises(ApprovalNeeded, match="Request the activation of “mine”"):
            activation.activate(config, by=by, force_reason="It is urgent.")

    assert active_names() == []


def test_operator_with_a_shell_may_and_the_trail_says_so(config: LLMConfig) -> None:
    activation.activate(config, by=KIM, alone_because="Nobody else is here.")

    assert active_names() == ["mine"]
    assert AuditEvent.objects.all()[0].details["two_person_rule"] == "Nobody else is here."


def test_request_waits_for_as_long_as_the_setting_says(config: LLMConfig, settings: Any) -> None:
    settings.ACTIVATION_REQUEST_TTL_S = 3600

    request = requests.make(config, by=KIM, reason="It is better.")

    assert request.expires_at - request.requested_at == timedelta(hours=1)
    assert (request.config_id, request.config_version) == (config.pk, 2)
    assert selectors.pending_requests() == [request]
    event = AuditEvent.objects.all()[0]
    assert (event.action, event.subject_kind) == (Action.ACTIVATION_REQUESTED, "activation_request")
    assert event.details["reason"] == "It is better."


def test_second_request_for_a_row_is_refused_while_the_first_is_pending(config: LLMConfig) -> None:
    requests.make(config, by=KIM)

    with pytest.raises(AlreadyRequested):
        requests.make(config, by=PARK)


def test_request_after_an_expired_one_is_accepted(config: LLMConfig) -> None:
    former = requests.make(config, by=KIM)
    make_overdue(former)

    requests.make(config, by=PARK)

    assert state_of(former) == "expired"


def test_request_for_another_version_than_is_stored_is_refused(config: LLMConfig) -> None:
    LLMConfig.objects.update(version=9)

    with pytest.raises(ConfigChangedMeanwhile):
        requests.make(config, by=KIM)


def test_request_for_what_cannot_be_built_or_is_gone_is_refused(make_config: MakeConfig) -> None:
    broken, gone = make_config("broken", provider="nonesuch"), make_config("gone")
    LLMConfig.objects.filter(name="gone").delete()

    with pytest.raises(ConfigurationError):
        requests.make(broken, by=KIM)
    with pytest.raises(ConfigGone):
        requests.make(gone, by=KIM)


def test_second_person_approves_and_it_is_active(config: LLMConfig) -> None:
    request = requests.make(config, by=KIM)

    probe = activation.approve(request, by=PARK)

    assert probe.is_ok
    assert active_names() == ["mine"]
    request.refresh_from_db()
    assert (request.state, request.decided_by_name) == ("approved", "park")
    approved, activated = AuditEvent.objects.all()[:2]
    assert (approved.action, activated.action) == (Action.ACTIVATION_APPROVED, Action.CONFIG_ACTIVATED)
    assert activated.details["request"] == request.pk
    assert selectors.pending_requests() == []


def test_requester_and_editor_cannot_approve(config: LLMConfig) -> None:
    request = requests.make(config, by=KIM)

    for by in (KIM, LEE):
        with pytest.raises(ApproverInvolved, match="ask a second person"):
            activation.approve(request, by=by, force_reason="It is urgent.")

    assert state_of(request) == "pending"
    assert active_names() == []


def test_who_edited_the_original_does_not_approve_a_copy_that_somebody_else_made(config: LLMConfig) -> None:
    request = requests.make(editing.clone(config, name="copy", by=KIM), by=KIM)

    with pytest.raises(ApproverInvolved):
        activation.approve(request, by=LEE)

    assert active_names() == []


def test_editor_of_an_earlier_version_cannot_approve(config: LLMConfig) -> None:
    config.max_retries = 5
    editing.change(config, by=PARK)
    request = requests.make(config, by=KIM)

    with pytest.raises(ApproverInvolved):
        activation.approve(request, by=LEE)


def test_approval_of_what_does_not_answer_needs_a_reason(make_config: MakeConfig) -> None:
    request = requests.make(make_config("sick", options={"fail": "check"}), by=KIM)

    with pytest.raises(ProbeFailed):
        activation.approve(request, by=LEE)
    assert state_of(request) == "pending"

    activation.approve(request, by=LEE, force_reason="It is being started.")
    assert active_names() == ["sick"]


def test_changed_row_is_not_approved(config: LLMConfig) -> None:
    request = requests.make(config, by=KIM)
    config.model_name = "other"
    editing.change(config, by=KIM)

    with pytest.raises(RequestNotPending, match="has been changed since") as caught:
        activation.approve(request, by=PARK)

    assert caught.value.state == "outdated"
    assert active_names() == []


@pytest.mark.parametrize("change", [{"version": 9}, {"model_name": "other"}])
def test_row_that_is_changed_behind_our_back_while_it_is_probed_is_not_approved(
    config: LLMConfig, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]
) -> None:
    request = requests.make(config, by=KIM)

    def change_meanwhile(spec: BackendSpec) -> Probe:
        LLMConfig.objects.update(**change)
        return Probe()

    monkeypatch.setattr(probing, "probe", change_meanwhile)
    with pytest.raises(ConfigChangedMeanwhile):
        activation.approve(request, by=PARK)

    assert state_of(request) == "pending"
    assert active_names() == []


def test_expired_request_is_not_approved(config: LLMConfig) -> None:
    request = requests.make(config, by=KIM)
    make_overdue(request)

    with pytest.raises(RequestNotPending, match="expired"):
        activation.approve(request, by=PARK)

    assert selectors.pending_requests() == []


def test_request_that_expires_during_its_approval_is_not_approved(
    config: LLMConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = requests.make(config, by=KIM)

    def expire_meanwhile(spec: BackendSpec) -> Probe:
        make_overdue(request)
        return Probe()

    monkeypatch.setattr(probing, "probe", expire_meanwhile)
    with pytest.raises(RequestNotPending, match="expired"):
        activation.approve(request, by=PARK)

    assert active_names() == []


def test_rejection_ends_the_request(config: LLMConfig) -> None:
    request = requests.make(config, by=KIM)

    requests.reject(request, by=PARK, reason="Not on a Friday.")

    assert (request.state, request.decision_reason) == ("rejected", "Not on a Friday.")
    assert AuditEvent.objects.all()[0].action == Action.ACTIVATION_REJECTED
    with pytest.raises(RequestNotPending, match="rejected"):
        activation.approve(request, by=PARK)


def test_requester_alone_withdraws(config: LLMConfig) -> None:
    request = requests.make(config, by=KIM)

    with pytest.raises(NotYourRequest):
        requests.withdraw(request, by=PARK)
    requests.withdraw(request, by=KIM)

    assert request.state == "withdrawn"
    assert AuditEvent.objects.all()[0].action == Action.ACTIVATION_WITHDRAWN
    with pytest.raises(RequestNotPending, match="withdrawn"):
        requests.reject(request, by=PARK)


def test_request_survives_the_deletion_of_its_row_as_outdated(config: LLMConfig) -> None:
    request = requests.make(config, by=KIM)
    editing.delete([config], by=KIM)

    with pytest.raises(RequestNotPending) as caught:
        activation.approve(request, by=PARK)

    assert caught.value.state == "outdated"


@pytest.mark.django_db(transaction=True)
def test_of_two_approvers_at_once_one_succeeds(make_config: MakeConfig) -> None:
    config = make_config("mine")
    request = requests.make(config, by=KIM)

    outcomes = outcomes_at_once(
        [
            lambda: activation.approve(ActivationRequest.objects.get(pk=request.pk), by=LEE),
            lambda: activation.approve(ActivationRequest.objects.get(pk=request.pk), by=PARK),
        ]
    )

    assert sorted(type(each).__name__ for each in outcomes) == ["Probe", "RequestNotPending"]
    assert AuditEvent.objects.filter(action=Action.CONFIG_ACTIVATED).count() == 1
    assert active_names() == ["mine"]


@pytest.mark.django_db(transaction=True)
def test_of_two_requests_at_once_one_succeeds(make_config: MakeConfig) -> None:
    config = make_config("mine")

    outcomes = outcomes_at_once([lambda by=by: requests.make(config, by=by) for by in (KIM, LEE, PARK)])

    names = sorted(type(each).__name__ for each in outcomes)
    assert names == ["ActivationRequest", "AlreadyRequested", "AlreadyRequested"]


@pytest.mark.django_db(transaction=True)
def test_approval_and_change_at_once_never_activate_what_was_not_requested(make_config: MakeConfig) -> None:
    config = make_config("mine", model_name="requested")
    for _ in range(10):
        LLMConfig.objects.update(is_active=False, model_name="requested", editors=[])
        config.refresh_from_db()
        request = requests.make(config, by=KIM)
        changed = LLMConfig.objects.get(pk=config.pk)
        changed.model_name = "other"

        outcomes_at_once(
            [
                lambda request=request: activation.approve(request, by=PARK),
                lambda changed=changed: editing.change(changed, by=LEE),
            ]
        )

        stored = LLMConfig.objects.get(pk=config.pk)
        assert (stored.is_active, stored.model_name) in {(True, "requested"), (False, "other")}
