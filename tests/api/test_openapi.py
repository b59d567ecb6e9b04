"""The OpenAPI page says all that the API does, and the API does what it says."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import jsonschema
import pytest
from django.contrib.staticfiles import finders
from django.utils import timezone

from generation.models import GenerationJob, JobStatus
from llmbackends.zone_setting import parse_zones
from tests.api.callers import Caller
from tests.api.opacity_support import provider_words
from tests.generation.jobs import queue_job
from tests.webhooks.endpoints_support import a_delivery, a_failed_delivery, registered
from webhooks import deliveries, messages
from webhooks.models import WebhookEndpoint

URL = "/api/v1/generations"


@pytest.fixture
def page(anonymous: httpx.Client) -> dict[str, Any]:
    return anonymous.get("/api/v1/openapi.json").json()


def operations(page: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in page["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def validator(page: dict[str, Any], schema: dict[str, Any]) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator({**schema, "components": page["components"]})


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from nodes(each)


def test_page_lists_all_operations(page: dict[str, Any]) -> None:
    listed = {(method, path) for path, method, _ in operations(page)}

    assert listed == {
        ("post", "/api/v1/generations"),
        ("get", "/api/v1/generations"),
        ("get", "/api/v1/generations/{generation_id}"),
        ("get", "/api/v1/generations/{generation_id}/events"),
        ("post", "/api/v1/generations/{generation_id}/cancel"),
        ("post", "/api/v1/generations/{generation_id}/rerun"),
        ("get", "/api/v1/generators"),
        ("get", "/api/v1/generators/{name}"),
        ("get", "/api/v1/usage"),
        ("post", "/api/v1/webhooks"),
        ("get", "/api/v1/webhooks"),
        ("get", "/api/v1/webhooks/{webhook_id}"),
        ("patch", "/api/v1/webhooks/{webhook_id}"),
        ("delete", "/api/v1/webhooks/{webhook_id}"),
        ("post", "/api/v1/webhooks/{webhook_id}/rotate-secret"),
        ("post", "/api/v1/webhooks/{webhook_id}/test"),
        ("get", "/api/v1/webhooks/{webhook_id}/deliveries"),
        ("get", "/api/v1/webhooks/{webhook_id}/deliveries/{delivery_id}"),
        ("post", "/api/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver"),
        ("post", "/v1/chat/completions"),
        ("post", "/v1/completions"),
        ("post", "/v1/responses"),
        ("post", "/v1/messages"),
        ("post", "/v1/embeddings"),
        ("get", "/v1/models"),
        ("get", "/v1/models/{model}"),
    }


def test_every_operation_says_what_it_does_and_how_it_fails(page: dict[str, Any]) -> None:
    for _, _, operation in operations(page):
        assert operation["description"]
        assert {"401", "403", "500", "503", "508"} < set(operation["responses"])
        for status, response in operation["responses"].items():
            assert response["description"], (operation["operationId"], status)
            assert "X-Request-ID" in response["headers"]
        assert "Retry-After" in operation["responses"]["503"]["headers"]
        assert "WWW-Authenticate" in operation["responses"]["401"]["headers"]


def test_events_are_described_as_an_event_stream(page: dict[str, Any]) -> None:
    operation = page["paths"][f"{URL}/{{generation_id}}/events"]["get"]

    assert list(operation["responses"]["200"]["content"]) == ["text/event-stream"]
    assert all(f"`{name}`" in operation["description"] for name in ("status", "text", "draining", "error"))


def test_both_ways_to_send_a_key_are_described(page: dict[str, Any]) -> None:
    schemes = page["components"]["securitySchemes"]

    assert [list(each) for each in page["security"]] == [[name] for name in schemes]
    assert schemes["bearer"] == {"type": "http", "scheme": "bearer"}
    assert schemes["key"]["name"] == "x-api-key"


def test_every_reference_leads_somewhere(page: dict[str, Any]) -> None:
    references = {node["$ref"] for node in nodes(page) if "$ref" in node}

    assert references
    for reference in references:
        assert reference.removeprefix("#/components/schemas/") in page["components"]["schemas"]


def test_every_schema_is_valid(page: dict[str, Any]) -> None:
    for schema in page["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_every_example_keeps_its_schema(page: dict[str, Any]) -> None:
    contents = [node for node in nodes(page) if "schema" in node and "examples" in node]

    assert contents
    for content in contents:
        for each in content["examples"].values():
            validator(page, content["schema"]).validate(each["value"])


def test_request_examples_are_accepted(page: dict[str, Any], member: Caller) -> None:
    body = page["paths"][URL]["post"]["requestBody"]["content"]["application/json"]

    for each in body["examples"].values():
        assert member.post(URL, json=each["value"]).status_code == 202


@pytest.mark.parametrize(
    "row",
    [
        {"status": "queued"},
        {"status": "in_progress", "text": "Ebb"},
        {
            "status": "completed",
            "text": "Ebb",
            "finish_reason": "stop",
            "prompt_tokens": 1,
            "completion_tokens": 2,
        },
        {"status": "failed", "error_code": "backend_error", "error_message": "No."},
        {"status": "cancelled"},
    ],
)
def test_answers_keep_the_schema(page: dict[str, Any], member: Caller, row: dict[str, Any]) -> None:
    path = member.submit()
    GenerationJob.objects.update(**row)

    one, listed = member.get(path).json(), member.get(URL).json()

    templates = page["paths"]
    answers = {f"{URL}/{{generation_id}}": one, URL: listed}
    for template, answer in answers.items():
        content = templates[template]["get"]["responses"]["200"]["content"]["application/json"]
        validator(page, content["schema"]).validate(answer)


def test_answers_about_webhooks_keep_the_schema(page: dict[str, Any], call_as: Callable[..., Caller]) -> None:
    caller = call_as("webhooks")
    hooks = "/api/v1/webhooks"
    created = caller.post(hooks, json={"url": "http://127.0.0.1:9/hooks"}).json()
    one = f"{hooks}/{created['id']}"
    failed = a_failed_delivery(WebhookEndpoint.objects.get())
    answers = {
        ("post", hooks, "201"): created,
        ("get", hooks, "200"): caller.get(hooks).json(),
        ("get", f"{hooks}/{{webhook_id}}", "200"): caller.get(one).json(),
        ("post", f"{hooks}/{{webhook_id}}/rotate-secret", "200"): caller.post(f"{one}/rotate-secret").json(),
        ("post", f"{hooks}/{{webhook_id}}/test", "202"): caller.post(f"{one}/test").json(),
        ("get", f"{hooks}/{{webhook_id}}/deliveries", "200"): caller.get(f"{one}/deliveries").json(),
        ("get", f"{hooks}/{{webhook_id}}/deliveries/{{delivery_id}}", "200"): caller.get(
            f"{one}/deliveries/msg_{failed.message_id.hex}"
        ).json(),
    }

    for (method, template, status), answer in answers.items():
        content = page["paths"][template][method]["responses"][status]["content"]["application/json"]
        validator(page, content["schema"]).validate(answer)


@pytest.mark.parametrize(
    "fields",
    [
        {"status": JobStatus.COMPLETED, "metadata": {"order": "4711"}},
        {"status": JobStatus.FAILED, "error_code": "backend_error", "error_message": "No."},
        {"status": JobStatus.CANCELLED, "rerun_of": uuid.UUID(int=7), "warnings": ["Cut."]},
    ],
)
def test_messages_of_webhooks_keep_the_schema(
    page: dict[str, Any], call_as: Callable[..., Caller], fields: dict[str, Any]
) -> None:
    endpoint = registered(call_as("webhooks").key).endpoint
    job = queue_job(endpoint.key, finished_at=timezone.now(), **fields)
    delivery = a_delivery(endpoint, event=f"generation.{job.status}", job_id=job.pk)
    content = page["webhooks"]["message"]["post"]["requestBody"]["content"]["application/json"]

    told = json.loads(messages.job_body(delivery, job))
    trial = json.loads(deliveries.send_test(endpoint).body)

    for message in (told, trial):
        validator(page, content["schema"]).validate(message)
    described = page["components"]["schemas"]["EndedGeneration"]["properties"]
    assert list(told["data"]) == list(described)


def test_webhook_examples_are_accepted(
    page: dict[str, Any], call_as: Callable[..., Caller], settings: Any
) -> None:
    settings.WEBHOOK_ZONES = parse_zones("apps=app.example.com")
    caller = call_as("webhooks")
    hooks = "/api/v1/webhooks"

    def examples(path: str, method: str) -> list[Any]:
        body = page["paths"][path][method]["requestBody"]["content"]["application/json"]
        return [each["value"] for each in body["examples"].values()]

    answers = [caller.post(hooks, json=each) for each in examples(hooks, "post")]
    one = f"{hooks}/{answers[0].json()['id']}"
    answers += [caller.patch(one, json=each) for each in examples(f"{hooks}/{{webhook_id}}", "patch")]
    rotations = examples(f"{hooks}/{{webhook_id}}/rotate-secret", "post")
    answers += [caller.post(f"{one}/rotate-secret", json=each) for each in rotations]

    assert [answer.status_code for answer in answers] == [201] * 2 + [200] * 6


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", f"{URL}/x", {}, 404),
        ("GET", f"{URL}?limit=0", {}, 422),
        ("POST", URL, {"Content-Type": "text/plain"}, 422),
        ("GET", URL, {"Authorization": "Bearer wrong"}, 401),
        ("GET", URL, {"X-Changeover-Hop": "1"}, 508),
    ],
)
def test_errors_keep_the_schema(
    page: dict[str, Any], member: Caller, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    response = member.request(method, path, headers=headers)

    assert response.status_code == status
    validator(page, page["components"]["schemas"]["ErrorBody"]).validate(response.json())


def test_what_the_schema_refuses_the_api_refuses(page: dict[str, Any], member: Caller) -> None:
    schema = page["paths"][URL]["post"]["requestBody"]["content"]["application/json"]["schema"]
    wrong: list[Any] = [
        {"prompt": ""},
        {"prompt": "a", "priority": 9},
        {"prompt": "a", "x": 1},
        {"messages": [{"role": "user"}]},
        {"messages": [{"role": "user", "content": [{"type": "audio"}]}]},
    ]

    for body in wrong:
        assert not validator(page, schema).is_valid(body), body
        assert member.post(URL, json=body).status_code == 422


@pytest.mark.parametrize("path", ["/api/v1/openapi.json", "/api/v1/docs"])
def test_pages_name_no_provider(anonymous: httpx.Client, path: str) -> None:
    assert not provider_words(anonymous.get(path).text)


def test_documentation_page_loads_nothing_from_elsewhere(anonymous: httpx.Client) -> None:
    html = anonymous.get("/api/v1/docs").text

    loaded = re.findall(r'(?:src|href)="([^"]+)"', html)

    assert loaded
    assert all(url.startswith("/static/") for url in loaded), loaded
    assert all(finders.find(url.removeprefix("/static/")) for url in loaded)
    assert (
        json.loads(re.findall(r"<script type=.application/json.[^>]*>(.*?)</script>", html, re.DOTALL)[0])[
            "url"
        ]
        == "/api/v1/openapi.json"
    )


def test_documentation_page_has_the_policy_of_pages(anonymous: httpx.Client) -> None:
    answer = anonymous.get("/api/v1/docs")

    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
    assert "style=" not in answer.text
