from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from audit.actions import Action
from audit.models import AuditEvent
from epochs.models import Epoch, Process, Role
from epochs.subjects import Subject
from llmbackends.secret import Secret
from llmconfigs import activation, editing
from llmconfigs.models import Activation, LLMConfig

from .actors import KIM
from .conftest import MakeConfig
from .pages import (
    ACTIVATE,
    CHANGELIST,
    CLONE,
    DEACTIVATE,
    PROCESSES,
    ROLL_BACK,
    SWITCHED,
    confirm,
    messages,
    url,
)


def active_names() -> list[str]:
    return [config.name for config in LLMConfig.objects.active()]


def page(client: Client, name: str, *arguments: Any) -> str:
    response = client.get(url(name, *arguments))
    assert response.status_code == 200
    return response.content.decode()


def test_activation_says_what_answers_now_and_what_would(
    admin_client: Client, make_config: MakeConfig
) -> None:
    make_config("former", provider="ollama", model_name="llama3", is_active=True)
    options = {"path": "/x", "body": {"p": "{{prompt}}", "token": "sk-marker"}, "text_path": "t"}
    later = make_config(
        "<later>", provider="http-generic", model_name="m", endpoint_url="http://gpu:8000", options=options
    )

    response = admin_client.get(url(ACTIVATE, later.pk))
    html = response.content.decode()

    rows = {row.label: row for row in response.context["rows"]}
    assert (rows["Configuration"].before, rows["Configuration"].after) == ("former", "<later>")
    assert (rows["Provider"].before, rows["Provider"].after) == ("Ollama", "JSON over HTTP")
    assert (rows["Model"].before, rows["Model"].after) == ("llama3", "m")
    assert rows["Endpoint URL"].after == "http://gpu:8000"
    assert not rows["Retries"].is_changed
    assert rows["body"].after == "p, token"
    assert "&lt;later&gt;" in html
    assert "sk-marker" not in html
    assert active_names() == ["former"]


def test_activation_is_asked_over_the_environment_too(
    admin_client: Client, make_config: MakeConfig, settings: Any
) -> None:
    settings.LLM_ENVIRONMENT = {"LLM_PROVIDER": "ollama"}

    html = page(admin_client, ACTIVATE, make_config("mine").pk)

    assert "The environment (LLM_ variables)" in html
    assert "codellama:13b" in html


def test_activation_that_is_agreed_to_activates_and_shows_the_processes(
    admin_client: Client, make_config: MakeConfig
) -> None:
    config = make_config("mine")

    response = confirm(admin_client, ACTIVATE, config.pk)

    assert active_names() == ["mine"]
    assert response.redirect_chain == [(url(SWITCHED), 302)]
    assert messages(response) == ["mine is active and answers every new request."]
    event = AuditEvent.objects.get(action=Action.CONFIG_ACTIVATED)
    assert event.actor_name == Activation.objects.get().by_name == "admin"


def test_activation_of_what_does_not_answer_says_why_and_asks_for_a_reason(
    admin_client: Client, make_config: MakeConfig
) -> None:
    config = make_config("sick", options={"fail": "bad_answer"})

    response = confirm(admin_client, ACTIVATE, config.pk)

    html = response.content.decode()
    assert active_names() == []
    assert "The service is there, but it does not answer." in html
    assert "The dummy plays a service whose answer cannot be read." in html
    assert 'name="reason"' in html

    confirm(admin_client, ACTIVATE, config.pk, reason=" ")
    assert active_names() == []
    confirm(admin_client, ACTIVATE, config.pk, reason="It is being started.")
    assert active_names() == ["sick"]
    assert Activation.objects.get().force_reason == "It is being started."


@pytest.mark.parametrize("values", [{"provider": "groq"}, {"provider": "nonesuch"}, {"options": ["odd"]}])
def test_activation_of_what_cannot_work_is_refused_also_with_a_reason(
    admin_client: Client, make_config: MakeConfig, values: dict[str, Any]
) -> None:
    config = make_config("broken", **values)

    response = confirm(admin_client, ACTIVATE, config.pk, reason="Please.")

    assert response.status_code == 200
    assert messages(response)
    assert active_names() == []


def test_activation_of_another_version_than_was_shown_is_refused(
    admin_client: Client, make_config: MakeConfig
) -> None:
    config = make_config("mine")
    seen = admin_client.get(url(ACTIVATE, config.pk)).context["seen"]
    LLMConfig.objects.get(pk=config.pk).save()

    response = admin_client.post(url(ACTIVATE, config.pk), {"seen": seen})

    assert "has been changed in the meantime" in messages(response)[0]
    assert active_names() == []


def test_activation_over_another_row_than_was_shown_is_refused(
    admin_client: Client, make_config: MakeConfig
) -> None:
    config, other = make_config("mine"), make_config("other")
    seen = admin_client.get(url(ACTIVATE, config.pk)).context["seen"]
    activation.activate(other, by=KIM)

    response = admin_client.post(url(ACTIVATE, config.pk), {"seen": seen})

    assert "has been changed in the meantime" in messages(response)[0]
    assert active_names() == ["other"]


@pytest.mark.parametrize("data", [{}, {"seen": "1:1:1:1"}])
def test_activation_without_having_seen_the_page_is_refused(
    admin_client: Client, make_config: MakeConfig, data: dict[str, str]
) -> None:
    admin_client.post(url(ACTIVATE, make_config().pk), data)

    assert active_names() == []


def test_looking_at_the_page_asks_no_service(admin_client: Client, make_config: MakeConfig) -> None:
    page(admin_client, ACTIVATE, make_config(options={"fail": "check"}).pk)

    assert not AuditEvent.objects.filter(subject_kind="llmconfig").exists()


def test_activation_of_what_is_not_there_is_not_found(admin_client: Client, db: None) -> None:
    assert admin_client.get(url(ACTIVATE, 999)).status_code == 404
    assert admin_client.get(url(ACTIVATE, "x")).status_code == 404


def test_deactivation_says_what_answers_then_and_does_it(
    admin_client: Client, make_config: MakeConfig, settings: Any
) -> None:
    settings.LLM_ENVIRONMENT = {"LLM_PROVIDER": "ollama"}
    config = make_config("mine", is_active=True)

    html = page(admin_client, DEACTIVATE, config.pk)
    response = confirm(admin_client, DEACTIVATE, config.pk)

    assert "codellama:13b" in html
    assert active_names() == []
    assert messages(response) == [
        "No configuration is active now. In use: the environment (Ollama, codellama:13b)"
    ]


def test_deactivation_of_what_is_not_active_says_so(admin_client: Client, make_config: MakeConfig) -> None:
    response = admin_client.get(url(DEACTIVATE, make_config("mine").pk), follow=True)

    assert messages(response) == ["mine is not active."]


def test_roll_back_says_to_what_and_does_it(admin_client: Client, make_config: MakeConfig) -> None:
    for name in ("first", "second"):
        activation.activate(make_config(name), by=KIM)

    html = page(admin_client, ROLL_BACK)
    response = confirm(admin_client, ROLL_BACK)

    assert "Roll back to first?" in html
    assert active_names() == ["first"]
    assert messages(response) == ["first is active and answers every new request."]
    assert AuditEvent.objects.filter(action=Action.CONFIG_ROLLED_BACK, actor_name="admin").exists()


def test_roll_back_to_what_does_not_answer_needs_a_reason(
    admin_client: Client, make_config: MakeConfig
) -> None:
    first = make_config("first")
    for config in (first, make_config("second")):
        activation.activate(config, by=KIM)
    LLMConfig.objects.filter(pk=first.pk).update(options={"fail": "check"})

    confirm(admin_client, ROLL_BACK)
    assert active_names() == ["second"]
    confirm(admin_client, ROLL_BACK, reason="The second is worse.")
    assert active_names() == ["first"]


def test_roll_back_to_the_environment(admin_client: Client, make_config: MakeConfig) -> None:
    activation.activate(make_config("first"), by=KIM)

    assert "Roll back to The environment" in page(admin_client, ROLL_BACK)
    confirm(admin_client, ROLL_BACK)

    assert active_names() == []


def test_roll_back_to_nothing_says_so(admin_client: Client, db: None) -> None:
    response = admin_client.get(url(ROLL_BACK), follow=True)

    assert messages(response) == ["There is nothing to roll back to."]


def test_clone_makes_a_copy_with_the_key(admin_client: Client, make_config: MakeConfig) -> None:
    config = make_config("mine", provider="vllm", api_key=Secret("sk-marker"), is_active=True)

    html = page(admin_client, CLONE, config.pk)
    response = admin_client.post(url(CLONE, config.pk), {"name": "copy", "is_active": "on", "provider": "x"})

    assert 'value="mine (copy)"' in html
    copy = LLMConfig.objects.get(name="copy")
    assert response.headers["Location"].endswith(f"/{copy.pk}/change/")
    assert (copy.provider, copy.is_active, bool(copy.api_key)) == ("vllm", False, True)
    assert copy.edited_by_name == "admin"


@pytest.mark.parametrize("name", ["", "taken", "x" * 101])
def test_clone_with_a_name_that_does_not_do_is_refused(
    admin_client: Client, make_config: MakeConfig, name: str
) -> None:
    config = make_config("taken")

    response = admin_client.post(url(CLONE, config.pk), {"name": name})

    assert "errorlist" in response.content.decode()
    assert LLMConfig.objects.count() == 1


def report(*, configs_epoch: int) -> None:
    numbers = dict(Epoch.objects.values_list("subject", "number"))
    Process.objects.create(
        id=uuid4(),
        role=Role.WEB,
        host="web-1",
        pid=17,
        version="1.2",
        configs_epoch=configs_epoch,
        keys_epoch=numbers.get(Subject.KEYS, 0),
        started_at=timezone.now(),
        seen_at=timezone.now(),
    )


def test_processes_are_asked_for_until_all_have_taken_it_up(
    admin_client: Client, make_config: MakeConfig
) -> None:
    activation.activate(make_config(), by=KIM)
    newest = Epoch.objects.get(subject=Subject.CONFIGS).number
    report(configs_epoch=newest - 1)

    waiting = page(admin_client, PROCESSES)
    Process.objects.update(configs_epoch=newest)
    converged = page(admin_client, PROCESSES)

    assert 'hx-trigger="every 2s"' in waiting
    assert "Not yet" in waiting
    assert "hx-trigger" not in converged
    assert "All processes have taken it up." in converged


def test_page_of_what_answers_holds_the_same_part(admin_client: Client, make_config: MakeConfig) -> None:
    activation.activate(make_config("mine"), by=KIM, force_reason="")
    report(configs_epoch=0)

    response = admin_client.get(url(SWITCHED))

    assert "admin/llmconfigs/llmconfig/partials/_processes.html" in [
        template.name for template in response.templates
    ]
    assert "mine" in response.content.decode()
    assert "kim" in response.content.decode()


def test_list_offers_to_roll_back(admin_client: Client, make_config: MakeConfig) -> None:
    assert url(ROLL_BACK) in page(admin_client, CHANGELIST)


def test_deleted_row_of_the_history_is_named_still(admin_client: Client, make_config: MakeConfig) -> None:
    config = make_config("mine")
    activation.activate(config, by=KIM)
    editing.delete([config], by=KIM)

    assert "Deleted while it was active" in page(admin_client, SWITCHED)
