"""Generators as clients see them: what they take, what they answer with, and never how."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest

from generation.models import GenerationJob, JobStatus
from generators.models import Generator
from llmconfigs.models import LLMConfig
from tests.api.callers import Caller
from tests.api.frontdoor.upstream import running as running_receiver
from tests.canary import Canaries, database_dump
from tests.generators.rows import COLUMNS, publish
from tests.llmbackends import faults
from tests.waiting import wait_until
from tests.webhooks.receiving import new_endpoint, sending, wait_for_status
from usage import writer
from usage.models import UsageRecord
from webhooks.models import WebhookDelivery

URL = "/api/v1/generations"
GENERATORS = "/api/v1/generators"
ORDERS = {"table": "orders", "columns": [{"name": "id"}]}


def finished(caller: Caller, **submission: Any) -> dict[str, Any]:
    """The generation that this submission has become."""
    response = caller.post(URL, json=submission)
    assert response.status_code == 202, response.text
    path = response.json()["status_url"]
    wait_until(lambda: caller.get(path).json()["finished_at"] is not None)
    return caller.get(path).json()


def refused(caller: Caller, **submission: Any) -> tuple[str, str, str]:
    response = caller.post(URL, json=submission)
    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (422, "invalid_request")
    return error["code"], error["param"], error["message"]


def test_list_tells_what_can_be_named(member: Caller) -> None:
    publish(
        version=2,
        description="A form of a table.",
        input_schema=COLUMNS,
        output_kind="json",
        output_schema={"type": "object"},
    )
    publish(version=1, is_active=False, is_current=False)
    Generator.objects.create(name="draft")

    body = member.get(GENERATORS).json()

    assert body["object"] == "list"
    assert [each["name"] for each in body["data"]] == ["json-v1", "text-v1", "ui-v2"]
    assert body["data"][2] == {
        "object": "generator",
        "name": "ui-v2",
        "short_name": "ui",
        "is_current": True,
        "description": "A form of a table.",
        "takes_messages": False,
        "input_schema": COLUMNS,
        "output": {"kind": "json", "schema": {"type": "object"}, "language": None},
    }


def test_one_is_found_by_its_name_and_the_current_one_by_its_short_name(member: Caller) -> None:
    publish(version=2, is_current=False, output_kind="fenced", fence_language="html")
    publish(version=1)

    assert member.get(f"{GENERATORS}/ui").json()["name"] == "ui-v1"
    newer = member.get(f"{GENERATORS}/ui-v2").json()
    assert (newer["is_current"], newer["output"]) == (
        False,
        {"kind": "fenced", "schema": None, "language": "html"},
    )


@pytest.mark.parametrize("name", ["ui-v1", "ui", "TEXT-V1", "%00", "text-v1%2F"])
def test_what_is_not_offered_is_not_found(member: Caller, name: str) -> None:
    publish(is_active=False, is_current=False)

    response = member.get(f"{GENERATORS}/{name}")

    assert (response.status_code, response.json()["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize("scope", ["generate", "read", "manage"])
def test_whoever_sees_generations_sees_generators(call_as: Callable[..., Caller], scope: str) -> None:
    assert call_as(scope).get(GENERATORS).status_code == 200


def test_prompt_is_short_for_an_input(
    member: Caller, activate: Callable[..., LLMConfig], runner: None
) -> None:
    activate(options={"text": "Ebb and flow."})

    for asked in (
        {"prompt": "Hello"},
        {"input": {"prompt": "Hello"}},
        {"generator": "text", "prompt": "Hello"},
    ):
        body = finished(member, **asked)
        assert body["result"]["text"] == "Ebb and flow."
        assert body["result"]["data"] is None
        assert body["meta"]["generator"] == "text-v1"


def test_json_comes_as_data(member: Caller, activate: Callable[..., LLMConfig], runner: None) -> None:
    activate(options={"text": "Ebb and flow."})

    body = finished(member, generator="json", prompt="What is a tide?")

    assert body["meta"]["generator"] == "json-v1"
    assert body["result"]["data"] == {"answer": "Ebb and flow."}
    assert json.loads(body["result"]["text"]) == body["result"]["data"]
    assert body["warnings"] == []
    assert member.get(URL).json()["data"][0]["result"] == body["result"]


def test_json_fits_the_schema_of_its_generator(
    member: Caller, activate: Callable[..., LLMConfig], runner: None
) -> None:
    activate()
    publish(
        input_schema=COLUMNS,
        prompt_template="Form for {{table}}",
        output_kind="json",
        output_schema=COLUMNS,
    )

    body = finished(member, generator="ui-v1", input=ORDERS)

    assert body["result"]["data"] == {"table": "text", "columns": [{"name": "text", "kind": "text"}]}


def test_block_is_the_text(member: Caller, activate: Callable[..., LLMConfig], runner: None) -> None:
    activate(options={"text": "Here:\n```html\n<p>\n```\nDone."})
    publish(output_kind="fenced", fence_language="html")

    assert finished(member, generator="ui", prompt="A page")["result"]["text"] == "<p>"


def test_answer_that_never_fits_fails_with_a_neutral_sentence(
    member: Caller, activate: Callable[..., LLMConfig], runner: None
) -> None:
    activate(options={"text": "No, never."})
    publish(output_kind="fenced", fence_language="html")

    body = finished(member, generator="ui", prompt="A page")

    assert (body["status"], body["result"]) == ("failed", None)
    assert body["error"] == {
        "code": "output_invalid",
        "message": "The generated text does not have the form that the generator promises. Try again.",
        "type": "api_error",
        "param": None,
    }
    job = GenerationJob.objects.get()
    assert job.failure_detail == "The answer holds no block that begins with ```html."
    assert job.attempts.get().reason == job.failure_detail
    assert body["usage"]["completion_tokens"] == job.completion_tokens == 4


def test_answer_that_never_fits_is_passed_on_with_a_warning_where_that_is_allowed(
    member: Caller, activate: Callable[..., LLMConfig], runner: None
) -> None:
    activate(options={"text": "No, never."})
    publish(output_kind="fenced", fence_language="html", allows_partial=True)

    body = finished(member, generator="ui", prompt="A page")

    assert (body["status"], body["warnings"], body["error"]) == ("completed", ["output_incomplete"], None)
    assert (body["result"]["text"], body["result"]["data"]) == ("No, never.", None)


def test_input_that_does_not_fit_is_refused_with_its_place(member: Caller) -> None:
    publish(input_schema=COLUMNS)

    assert refused(member, generator="ui", input={"table": "a", "columns": [{"name": 1}]})[1:] == (
        "input.columns[0].name",
        "The field input.columns[0].name must be a text, not a number.",
    )
    assert refused(member, generator="ui", input={})[1] == "input.table"
    assert refused(member, generator="ui", prompt="A form")[1] == "prompt"
    assert refused(member, generator="ui", messages=[{"role": "user", "content": "a"}])[1] == "messages"
    assert refused(member, generator="ui", input={"table": "\x00"})[1] == "input"
    assert refused(member, generator="ui", input=[])[1:] == (
        "input",
        "The field input must be a JSON object.",
    )


@pytest.mark.parametrize(
    "ways",
    [
        {},
        {"prompt": "a", "input": {"prompt": "a"}},
        {"input": {}, "messages": [{"role": "user", "content": "a"}]},
    ],
)
def test_one_way_of_asking_is_needed(member: Caller, ways: dict[str, Any]) -> None:
    assert "Give a prompt, an input or messages" in refused(member, **ways)[2]


def test_unknown_generator_is_refused_with_those_that_there_are(member: Caller) -> None:
    publish(version=2)
    publish(version=1, is_active=False, is_current=False)

    for name in ("ui-v1", "ui-v9", "gone"):
        _, param, message = refused(member, generator=name, prompt="a")
        assert (param, message) == (
            "generator",
            f"There is no generator '{name}'. Use json-v1 or text-v1 or ui-v2.",
        )


def test_retired_generator_answers_what_was_accepted_and_nothing_new(
    member: Caller, activate: Callable[..., LLMConfig]
) -> None:
    from generation.running import runner

    activate(options={"text": "Ebb and flow."})
    publish()
    path = member.post(URL, json={"generator": "ui", "prompt": "a"}).json()["status_url"]
    Generator.objects.filter(name="ui").update(is_active=False, is_current=False)

    runner.start_here(concurrency=1)
    wait_until(lambda: member.get(path).json()["status"] == "completed")
    runner.stop_here(timeout_s=5)

    GenerationJob.objects.update(status=JobStatus.FAILED)
    again = member.post(f"{path}/rerun")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "conflict")
    assert again.json()["error"]["message"] == "The generator ui-v1 is no longer offered."


def test_repeated_request_finds_its_generation_when_its_generator_has_been_retired(member: Caller) -> None:
    publish()
    headers = {"Idempotency-Key": "order-7"}
    first = member.post(URL, json={"generator": "ui", "prompt": "a"}, headers=headers)
    Generator.objects.filter(name="ui").update(is_active=False, is_current=False)

    again = member.post(URL, json={"generator": "ui", "prompt": "a"}, headers=headers)
    other = member.post(URL, json={"generator": "ui", "prompt": "b"}, headers=headers)

    assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (other.status_code, other.json()["error"]["param"]) == (422, "generator")


def test_rerun_asks_the_version_that_was_asked_before(member: Caller) -> None:
    publish(version=1)
    path = member.post(URL, json={"generator": "ui", "prompt": "a"}).json()["status_url"]
    Generator.objects.filter(name="ui").update(is_current=False)
    publish(version=2)
    GenerationJob.objects.update(status=JobStatus.FAILED)

    assert member.post(f"{path}/rerun").json()["meta"]["generator"] == "ui-v1"


def test_prompts_of_a_generator_never_reach_a_client(
    member: Caller, activate: Callable[..., LLMConfig], runner: None
) -> None:
    """As long as the model does not repeat them, which nobody can keep it from."""
    canaries = Canaries()
    system, template = canaries.make("system prompt"), canaries.make("template")
    activate(options={"text": "No, never."})
    secret: dict[str, Any] = {
        "system_prompt": system,
        "prompt_template": f"{template} {{{{prompt}}}}",
        "temperature": 0.123456,
        "max_tokens": 98765,
    }
    publish(**secret)
    publish(name="broken", output_kind="fenced", fence_language="html", **secret)
    publish(name="partial", output_kind="fenced", fence_language="html", allows_partial=True, **secret)
    publish(name="unusable", **secret | {"prompt_template": f"{template}{{{{"})

    seen = [member.get(path).text for path in (GENERATORS, "/api/v1/openapi.json", f"{GENERATORS}/ui")]
    for name in ("ui", "broken", "partial"):
        body = finished(member, generator=name, prompt="a")
        seen += [json.dumps(body), member.get(f"{body['status_url']}/events").text]
    seen.append(member.post(URL, json={"generator": "ui", "input": {}}).text)
    seen.append(member.post(URL, json={"generator": "unusable", "prompt": "a"}).text)
    seen += [member.get(URL).text, str(list(GenerationJob.objects.values()))]

    assert canaries.found_in(database_dump()) == ["system prompt", "template"]
    assert canaries.found_in("\n".join(seen)) == []
    assert not any("0.123456" in text or "98765" in text for text in seen)


def test_prompts_of_a_generator_go_into_no_message_no_usage_and_no_log(
    member: Caller, activate: Callable[..., LLMConfig], runner: None, caplog: pytest.LogCaptureFixture
) -> None:
    canaries = Canaries()
    caplog.set_level(logging.INFO)
    secret: dict[str, Any] = {
        "system_prompt": canaries.make("system prompt"),
        "prompt_template": f"{canaries.make('template')} {{{{prompt}}}}",
    }
    activate(options={"text": "No, never."})
    publish(**secret)
    publish(name="broken", output_kind="fenced", fence_language="html", **secret)

    with running_receiver(faults.answer(200)) as receiver:
        new_endpoint(member.key, receiver.url)
        ended = [finished(member, generator=name, prompt="a") for name in ("ui", "broken")]
        with sending():
            for delivery in WebhookDelivery.objects.all():
                wait_for_status(delivery, "delivered")
    assert writer.flush(timeout_s=10)

    assert [(body["status"], (body["error"] or {}).get("code")) for body in ended] == [
        ("completed", None),
        ("failed", "output_invalid"),
    ]
    messages = [request.body.decode() for request in receiver.requests]
    used = [str(row) for row in UsageRecord.objects.values()]
    assert (len(messages), len(used)) == (2, 2)
    assert all(event in caplog.text for event in ("job_completed", "output_misfit", "job_failed"))
    assert canaries.found_in(database_dump()) == ["system prompt", "template"]
    assert canaries.found_in("\n".join([*messages, *used, caplog.text])) == []
