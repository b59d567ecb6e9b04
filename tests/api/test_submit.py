from __future__ import annotations

import uuid

import pytest

from generation.models import GenerationJob
from tests.api.callers import Caller

URL = "/api/v1/generations"
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
IMAGE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}


def test_submit_answers_202_and_says_where_the_generation_is(member: Caller) -> None:
    response = member.post(URL, json={"prompt": "Hello"})

    body = response.json()
    assert response.status_code == 202
    assert response.headers["Location"] == body["status_url"] == f"{URL}/{body['id']}"
    assert body["events_url"] == f"{URL}/{body['id']}/events"
    assert member.get(body["status_url"]).json() == body


def test_submit_answers_with_exactly_the_public_fields(member: Caller) -> None:
    body = member.post(URL, json={"prompt": "Hello", "priority": 2, "metadata": {"a": "b"}}).json()

    timestamp = body["created_at"]
    assert timestamp.endswith("Z")
    assert uuid.UUID(body["id"]).version == 7
    assert body == {
        "id": body["id"],
        "object": "generation",
        "status": "queued",
        "priority": 2,
        "metadata": {"a": "b"},
        "created_at": timestamp,
        "started_at": None,
        "finished_at": None,
        "status_url": body["status_url"],
        "events_url": body["events_url"],
        "result": None,
        "result_expired": False,
        "usage": None,
        "error": None,
        "warnings": [],
        "rerun_of": None,
        "meta": {"generator": "text-v1", "timestamp": timestamp},
    }


def test_submit_stores_the_job_for_the_key(member: Caller) -> None:
    body = member.post(URL, json={"prompt": "Hello", "priority": 5, "metadata": {"a": "b"}}).json()

    job = GenerationJob.objects.get()
    assert str(job.pk) == body["id"]
    assert job.key_id == member.key.pk
    assert job.request == {"prompt": "Hello"}
    assert (job.priority, job.metadata, job.generator) == (5, {"a": "b"}, "text-v1")


def test_submit_stores_messages_in_order_with_their_parts(member: Caller) -> None:
    content = [{"type": "text", "text": "What is this?"}, IMAGE]
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": content},
        {"role": "assistant", "content": [{"type": "text", "text": "A dot."}]},
        {"role": "user", "content": "Sure? 🙂"},
    ]

    response = member.post(URL, json={"messages": messages})

    assert response.status_code == 202, response.text
    stored_image = {"type": "image", "media_type": "image/png", "data": PIXEL}
    assert GenerationJob.objects.get().request["messages"] == [
        messages[0],
        {"role": "user", "content": [content[0], stored_image]},
        messages[2],
        messages[3],
    ]


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=UTF-8", "application/vnd.x+json"]
)
def test_submit_takes_json_content_types(member: Caller, content_type: str) -> None:
    response = member.post(URL, content='{"prompt": "ü"}'.encode(), headers={"Content-Type": content_type})

    assert response.status_code == 202
    assert GenerationJob.objects.get().request == {"prompt": "ü"}


def test_submit_takes_null_for_the_one_that_is_not_given(member: Caller) -> None:
    assert member.post(URL, json={"prompt": "Hello", "messages": None}).status_code == 202


def test_submit_takes_a_long_text_full_of_what_separates_values(member: Caller) -> None:
    prompt = '[{,"\\' * 500_000

    assert member.post(URL, json={"prompt": prompt}).status_code == 202
    assert GenerationJob.objects.get().request == {"prompt": prompt}


def test_submit_takes_metadata_up_to_its_bounds(member: Caller) -> None:
    metadata = {f"{number:064}": "x" * 512 for number in range(16)}

    assert member.post(URL, json={"prompt": "Hello", "metadata": metadata}).status_code == 202
