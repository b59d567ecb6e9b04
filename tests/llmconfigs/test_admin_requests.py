"""Two people, each in a browser of their own."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from audit.actions import Action
from audit.models import AuditEvent
from llmconfigs.models import ActivationRequest, LLMConfig

from .conftest import ClientWith, MakeConfig
from .pages import (
    ACTIVATE,
    CHANGE,
    CHANGELIST,
    DECIDE,
    REQUEST,
    REQUESTS,
    confirm,
    errors,
    form_data,
    messages,
    run_action,
    url,
)


@pytest.fixture(autouse=True)
def _two_person_rule(settings: Any) -> None:
    settings.ACTIVATION_NEEDS_TWO = True


@pytest.fixture
def operator(client_with: ClientWith) -> Client:
    return client_with("view", "add", "change", "activate")


@pytest.fixture
def approver(client_with: ClientWith) -> Client:
    return client_with("view", "approve")


def active_names() -> list[str]:
    return [config.name for config in LLMConfig.objects.active()]


def requested(client: Client, config: LLMConfig, **more: Any) -> ActivationRequest:
    confirm(client, REQUEST, config.pk, **more)
    found: ActivationRequest = ActivationRequest.objects.get(config_id=config.pk, state="pending")
    return found


def decide(client: Client, request: ActivationRequest, decision: str, **more: Any) -> Any:
    return client.post(url(DECIDE, request.pk), {"decision": decision} | more, follow=True)


def state_of(request: ActivationRequest) -> str:
    request.refresh_from_db()
    return str(request.state)


def test_operator_requests_and_a_second_person_approves(
    operator: Client, approver: Client, make_config: MakeConfig
) -> None:
    config = make_config("mine")

    led = run_action(operator, "activate", config)
    request = requested(operator, config, reason="It is better.")
    shown = approver.get(url(DECIDE, request.pk)).content.decode()
    response = decide(approver, request, "approve")

    assert "Request the activation of mine" in led.content.decode()
    assert "It is better." in shown
    assert "Approve, test and activate" in shown
    assert active_names() == ["mine"]
    assert messages(response) == ["mine is active and answers every new request."]
    actors = dict(AuditEvent.objects.values_list("action", "actor_name"))
    assert actors[Action.ACTIVATION_REQUESTED] == "staff-view-add-change-activate"
    assert actors[Action.ACTIVATION_APPROVED] == "staff-view-approve"


def test_nobody_activates_past_the_request(operator: Client, make_config: MakeConfig) -> None:
    config = make_config("mine")

    response = operator.post(url(ACTIVATE, config.pk), {"seen": "None:0:1:1", "reason": "Now."}, follow=True)

    assert "Request the activation" in response.content.decode()
    assert active_names() == []


def test_who_edited_cannot_approve(
    client_with: ClientWith, operator: Client, make_config: MakeConfig
) -> None:
    config = make_config("mine")
    editor = client_with("view", "change", "approve")
    editor.post(url(CHANGE, config.pk), form_data(name="mine", model_name="m"))
    config.refresh_from_db()
    request = requested(operator, config)

    shown = editor.get(url(DECIDE, request.pk)).content.decode()
    response = decide(editor, request, "approve", anyway="1", reason="Please.")

    assert "Approve, test and activate" not in shown
    assert "a second person has to approve it" in shown
    assert "ask a second person" in messages(response)[0]
    assert active_names() == []


def test_requester_cannot_approve_and_can_withdraw(client_with: ClientWith, make_config: MakeConfig) -> None:
    both = client_with("view", "activate", "approve")
    request = requested(both, make_config("mine"))

    decide(both, request, "approve")
    assert state_of(request) == "pending"
    decide(both, request, "withdraw")

    assert state_of(request) == "withdrawn"
    assert active_names() == []


def test_requester_without_the_permission_to_approve_can_neither_approve_nor_reject(
    operator: Client, make_config: MakeConfig
) -> None:
    request = requested(operator, make_config("mine"))

    assert decide(operator, request, "approve").status_code == 403
    assert decide(operator, request, "reject").status_code == 403
    assert state_of(request) == "pending"


def test_approver_rejects_with_a_reason(operator: Client, approver: Client, make_config: MakeConfig) -> None:
    request = requested(operator, make_config("mine"))

    decide(approver, request, "reject", reason="Not on a Friday.")

    assert state_of(request) == "rejected"
    assert "Not on a Friday." in operator.get(url(DECIDE, request.pk)).content.decode()


def test_approver_can_neither_request_nor_withdraw(
    operator: Client, approver: Client, make_config: MakeConfig
) -> None:
    config = make_config("mine")
    request = requested(operator, config)

    assert approver.get(url(REQUEST, config.pk)).status_code == 403
    assert decide(approver, request, "withdraw").status_code == 403
    assert state_of(request) == "pending"


def test_approval_of_what_does_not_answer_takes_a_tick_and_a_reason(
    operator: Client, approver: Client, make_config: MakeConfig
) -> None:
    request = requested(operator, make_config("sick", options={"fail": "check"}))

    first = decide(approver, request, "approve", reason="A remark.").content.decode()
    assert "The test failed." in first
    assert 'name="anyway"' in first
    decide(approver, request, "approve", anyway="1")
    assert active_names() == []

    decide(approver, request, "approve", anyway="1", reason="It is being started.")
    assert active_names() == ["sick"]


def test_change_of_the_row_ends_the_request(
    operator: Client, approver: Client, make_config: MakeConfig
) -> None:
    config = make_config("mine")
    request = requested(operator, config)
    operator.post(url(CHANGE, config.pk), form_data(name="mine", model_name="other"))

    response = decide(approver, request, "approve")

    assert "has been changed since" in messages(response)[0]
    assert state_of(request) == "outdated"
    assert active_names() == []


def test_expired_request_is_shown_as_such_and_offers_nothing(
    operator: Client, approver: Client, make_config: MakeConfig
) -> None:
    request = requested(operator, make_config("mine"))
    ActivationRequest.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    shown = approver.get(url(DECIDE, request.pk)).content.decode()
    response = decide(approver, request, "approve")

    assert "Expired" in shown
    assert "Approve, test" not in shown
    assert "has expired" in messages(response)[0]
    assert "Expired" in approver.get(url(REQUESTS)).content.decode()


def test_request_for_another_version_than_was_shown_is_refused(
    operator: Client, make_config: MakeConfig
) -> None:
    config = make_config("mine")

    response = operator.post(url(REQUEST, config.pk), {"seen": "7"}, follow=True)

    assert "has been changed in the meantime" in messages(response)[0]
    assert not ActivationRequest.objects.exists()


def test_second_request_leads_to_the_first(operator: Client, make_config: MakeConfig) -> None:
    config = make_config("mine")
    request = requested(operator, config)

    response = operator.get(url(REQUEST, config.pk))

    assert response.headers["Location"] == url(DECIDE, request.pk)


def test_list_tells_of_pending_requests(operator: Client, approver: Client, make_config: MakeConfig) -> None:
    requested(operator, make_config("mine"))

    assert "1 request<" in approver.get(url(CHANGELIST)).content.decode()
    assert "mine" in approver.get(url(REQUESTS)).content.decode()


def test_active_row_is_not_edited(operator: Client, make_config: MakeConfig) -> None:
    config = make_config("mine", is_active=True)

    shown = operator.get(url(CHANGE, config.pk)).content.decode()
    response = operator.post(url(CHANGE, config.pk), form_data(name="mine", model_name="other"))

    assert "Clone it, change the copy" in shown
    assert response.status_code == 403
    assert LLMConfig.objects.get().model_name == ""


def test_row_that_became_active_while_it_was_edited_is_not_changed(
    operator: Client, make_config: MakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = make_config("mine")
    clean = LLMConfig.clean

    def activate_meanwhile(self: LLMConfig) -> None:
        clean(self)
        LLMConfig.objects.update(is_active=True)

    monkeypatch.setattr(LLMConfig, "clean", activate_meanwhile)
    response = operator.post(url(CHANGE, config.pk), form_data(name="mine", model_name="other"), follow=True)

    assert "here nobody changes alone what answers" in messages(response)[0]
    assert LLMConfig.objects.get().model_name == ""


def test_request_for_what_is_not_there_is_not_found(approver: Client) -> None:
    assert approver.get(url(DECIDE, 999)).status_code == 404


def test_unknown_decision_does_nothing(operator: Client, approver: Client, make_config: MakeConfig) -> None:
    request = requested(operator, make_config("mine"))

    decide(approver, request, "applaud")

    assert state_of(request) == "pending"


def test_form_still_shows_its_errors(operator: Client, make_config: MakeConfig) -> None:
    config = make_config("mine")

    assert "name" in errors(operator.post(url(CHANGE, config.pk), form_data(name="")))
