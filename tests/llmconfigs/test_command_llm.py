from __future__ import annotations

import io
import json
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from audit.actions import Action
from audit.models import AuditEvent
from epochs.models import Epoch, Process, Role
from epochs.subjects import Subject
from llmbackends.secret import Secret
from llmconfigs import activation
from llmconfigs.models import Activation, LLMConfig

from .actors import KIM
from .conftest import MakeConfig

pytestmark = pytest.mark.django_db


def llm(*arguments: str, stderr: io.StringIO | None = None) -> str:
    output = io.StringIO()
    call_command("llm", *arguments, stdout=output, stderr=stderr or io.StringIO(), no_color=True)
    return output.getvalue()


def test_list_shows_every_configuration_and_what_is_in_use(make_config: MakeConfig) -> None:
    make_config("first", provider="ollama", is_active=True)
    make_config("second", provider="vllm", model_name="some/model")

    header, first, second, in_use = llm("list").splitlines()

    assert header.split() == ["NAME", "PROVIDER", "MODEL", "UPDATED"]
    assert first.split()[:4] == ["*", "first", "ollama", "codellama:13b"]
    assert second.split()[:3] == ["second", "vllm", "some/model"]
    assert in_use == "In use: configuration 'first' (ollama, codellama:13b)"


def test_list_shows_the_environment_in_use() -> None:
    assert llm("list").splitlines()[-1] == "In use: environment (dummy, dummy)"


def test_list_fails_after_the_table_if_nothing_can_answer(make_config: MakeConfig) -> None:
    make_config("broken", provider="nonesuch", is_active=True)

    with pytest.raises(CommandError, match="nonesuch"):
        llm("list")


def test_activate_activates(make_config: MakeConfig) -> None:
    make_config("two words")

    assert llm("activate", "two words") == "two words is active and answers every new request.\n"
    assert LLMConfig.objects.active().get().name == "two words"


def test_activate_of_an_unknown_name_lists_the_names(make_config: MakeConfig) -> None:
    make_config("first")
    make_config("second")

    with pytest.raises(CommandError, match=r"There is no configuration 'third'\. There are: first, second\."):
        llm("activate", "third")


def test_activate_without_any_configuration_says_what_to_do() -> None:
    with pytest.raises(CommandError, match="add one in the admin"):
        llm("activate", "third")


def test_activate_says_why_it_is_refused(make_config: MakeConfig, settings: Any) -> None:
    make_config("remote", provider="groq", api_key=Secret("gsk_12345"))
    settings.LLM_ALLOW_REMOTE = False

    with pytest.raises(CommandError, match="Groq is remote"):
        llm("activate", "remote")


def test_activate_of_what_does_not_answer_fails_without_a_reason(make_config: MakeConfig) -> None:
    make_config("sick", options={"fail": "check"})

    with pytest.raises(CommandError, match=r"“sick” failed.* The dummy plays a service that is down"):
        llm("activate", "sick")
    llm("activate", "sick", "--force-reason", "It is being started.")

    assert LLMConfig.objects.active().get().name == "sick"


def test_activate_is_recorded_as_the_command_of_a_user_of_the_system(make_config: MakeConfig) -> None:
    make_config("mine")

    llm("activate", "mine")

    event = AuditEvent.objects.get()
    assert (event.action, event.actor_id) == (Action.CONFIG_ACTIVATED, None)
    assert event.actor_name.startswith("manage.py llm activate (")
    assert Activation.objects.get().by_name == event.actor_name


def test_activate_under_the_two_person_rule_takes_a_reason(make_config: MakeConfig, settings: Any) -> None:
    settings.ACTIVATION_NEEDS_TWO = True
    make_config("mine")

    with pytest.raises(CommandError, match="nobody activates a configuration alone"):
        llm("activate", "mine")
    llm("activate", "mine", "--force-reason", "Nobody else is here.")

    assert AuditEvent.objects.get().details["two_person_rule"] == "Nobody else is here."


def test_rollback_goes_back_and_says_to_what(make_config: MakeConfig) -> None:
    for name in ("a", "b"):
        make_config(name)
        llm("activate", name)

    assert llm("rollback") == "a answers every new request again.\n"
    assert LLMConfig.objects.active().get().name == "a"


def test_rollback_to_the_environment_says_so(make_config: MakeConfig) -> None:
    make_config("a")
    llm("activate", "a")

    assert llm("rollback") == "The environment answers every new request again.\n"


def test_rollback_without_anything_before_fails() -> None:
    with pytest.raises(CommandError, match="nothing to roll back to"):
        llm("rollback")


def test_history_shows_who_did_what(make_config: MakeConfig) -> None:
    make_config("mine", model_name="m")
    llm("activate", "mine")
    llm("deactivate")

    header, latest, first = llm("history").splitlines()

    assert header.split() == ["TIME", "WHAT", "CONFIGURATION", "MODEL", "BY"]
    assert latest.split()[3:6] == ["deactivated", "(environment)", "dummy"]
    assert first.split()[3:8] == ["activated", "mine", "m", "manage.py", "llm"]


def test_deactivate_deactivates(make_config: MakeConfig) -> None:
    make_config("mine", is_active=True)

    assert llm("deactivate") == "mine is no longer active: the environment answers.\n"
    assert not LLMConfig.objects.active().exists()


def test_deactivate_without_an_active_row_fails(make_config: MakeConfig) -> None:
    make_config()

    with pytest.raises(CommandError, match="No configuration is active"):
        llm("deactivate")


def test_check_of_a_name_reports_success(make_config: MakeConfig) -> None:
    make_config("mine")

    assert llm("check", "mine").startswith("mine: ready (0.0")


def test_check_without_a_name_checks_what_is_in_use() -> None:
    assert llm("check").startswith("dummy, dummy: ready (0.0")


def test_check_that_fails_is_an_error(make_config: MakeConfig) -> None:
    make_config("failing", options={"fail": "check"})

    with pytest.raises(CommandError, match="failing: "):
        llm("check", "failing")


def test_check_of_an_unknown_name_lists_the_names(make_config: MakeConfig) -> None:
    make_config("first")

    with pytest.raises(CommandError, match="There are: first"):
        llm("check", "third")


def test_env_shows_what_the_variables_say(settings: Any) -> None:
    settings.LLM_ENVIRONMENT = {
        "LLM_PROVIDER": "vllm",
        "LLM_API_KEY": "sk-marker-12345",
        "LLM_TEMPERATURE": "0.1",
    }

    output = llm("env")

    rows = dict(line.split("  ", 1) for line in output.splitlines())
    assert rows["provider"].strip() == "vllm"
    assert rows["endpoint"].strip() == "http://localhost:8000"
    assert rows["API key"].strip() == "set"
    assert '"temperature": 0.1' in rows["parameters"]
    assert "sk-marker" not in output


def test_env_hides_options_that_may_hold_a_password(settings: Any) -> None:
    settings.LLM_ENVIRONMENT = {
        "LLM_PROVIDER": "http-generic",
        "LLM_ENDPOINT": "http://gpu",
        "LLM_MODEL": "m",
        "LLM_OPTIONS": json.dumps(
            {"body": {"p": "{{prompt}}"}, "text_path": "text", "headers": {"Authorization": "sk-marker"}}
        ),
    }

    output = llm("env")

    assert 'text_path="text"' in output
    assert "headers=…" in output
    assert "sk-marker" not in output


def test_env_tells_its_warnings(settings: Any) -> None:
    settings.LLM_ENVIRONMENT = {"LLM_PROVIDER": "ollama", "LLM_TIMEOUT_SECONDS": "soon"}
    stderr = io.StringIO()

    llm("env", stderr=stderr)

    assert "Warning: LLM_TIMEOUT_SECONDS='soon'" in stderr.getvalue()


def test_env_that_cannot_work_is_an_error(settings: Any) -> None:
    settings.LLM_ENVIRONMENT = {"LLM_PROVIDER": "groq"}

    with pytest.raises(CommandError, match="An API key is required"):
        llm("env")


def test_command_without_a_subcommand_is_an_error() -> None:
    with pytest.raises(CommandError, match="COMMAND"):
        llm()


def report(*, configs_epoch: int, host: str = "web-1") -> None:
    now = timezone.now()
    keys_epoch = Epoch.objects.get(subject=Subject.KEYS).number
    Process.objects.create(
        id=uuid4(),
        role=Role.WEB,
        host=host,
        pid=17,
        version="1.2",
        configs_epoch=configs_epoch,
        keys_epoch=keys_epoch,
        started_at=now,
        seen_at=now,
    )


def test_processes_shows_who_runs_with_what(make_config: MakeConfig) -> None:
    newest = Epoch.objects.get(subject=Subject.CONFIGS).number
    report(configs_epoch=newest)

    header, row = llm("processes").splitlines()

    assert header.split() == ["ROLE", "HOST", "PID", "VERSION", "CONFIGS", "KEYS", "SEEN", "CONVERGED"]
    assert row.split()[:5] == ["web", "web-1", "17", "1.2", str(newest)]
    assert row.split()[-1] == "yes"


def test_processes_fails_while_one_has_not_taken_up_a_change(make_config: MakeConfig) -> None:
    before = Epoch.objects.get(subject=Subject.CONFIGS).number
    report(configs_epoch=before)
    activation.activate(make_config(), by=KIM)
    report(configs_epoch=Epoch.objects.get(subject=Subject.CONFIGS).number, host="web-2")

    with pytest.raises(CommandError, match="1 of 2 processes have not converged"):
        llm("processes")


def test_processes_says_when_none_runs() -> None:
    assert llm("processes") == "No process has reported itself within the last minute.\n"
