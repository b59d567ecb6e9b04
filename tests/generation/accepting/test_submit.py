from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connections
from django.utils import timezone

from apikeys import issuing
from apikeys.models import ApiKey
from generation.accepting.submission import Submitted, submit
from generation.errors import IdempotencyKeyReused, InvalidRequest, UnknownGenerator
from generation.models import GenerationJob, JobStatus
from generation.requests import GenerationRequest

HELLO = GenerationRequest(prompt="Hello")


def test_submit_stores_a_queued_job_with_a_deadline(key: ApiKey, settings: LazySettings) -> None:
    settings.GENERATION_DEADLINE_S = 60
    request = GenerationRequest(
        messages=({"role": "user", "content": "Hi"},), priority=1, metadata={"order": [7]}
    )

    submitted = submit(key=key, request=request)

    job = GenerationJob.objects.get()
    assert submitted == Submitted(job, created=True)
    assert (job.key, job.status, job.generator) == (key, JobStatus.QUEUED, "text-v1")
    assert (job.priority, job.metadata) == (1, {"order": [7]})
    assert job.request == {"messages": [{"role": "user", "content": "Hi"}]}
    assert timedelta(seconds=50) < job.deadline_at - timezone.now() <= timedelta(seconds=60)
    assert job.pk.version == 7


def test_submit_refuses_an_unknown_generator(key: ApiKey) -> None:
    with pytest.raises(UnknownGenerator) as caught:
        submit(key=key, request=GenerationRequest(prompt="Hello", generator="text-v9"))

    assert caught.value.param == "generator"
    assert "text-v1" in caught.value.message


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({}, "messages"),
        ({"prompt": "x", "messages": ({"role": "user", "content": "x"},)}, "messages"),
        ({"prompt": ""}, "prompt"),
        ({"prompt": "nul \x00"}, "prompt"),
        ({"prompt": "half \ud800"}, "prompt"),
        ({"prompt": "x", "priority": 0}, "priority"),
        ({"prompt": "x", "priority": 6}, "priority"),
        ({"prompt": "x", "metadata": {"nul \x00": 1}}, "metadata"),
        ({"prompt": "x", "metadata": {"a": [{"b": "half \udfff"}]}}, "metadata"),
        ({"prompt": "x", "metadata": {"a": float("nan")}}, "metadata"),
        ({"messages": ({"role": "robot", "content": "x"},)}, "messages[0].role"),
        ({"messages": ({"role": "user"},)}, "messages[0].content"),
        ({"messages": ({"role": "user", "content": [{"type": "sound"}]},)}, "messages[0].content[0]"),
    ],
)
def test_submit_refuses_what_cannot_work_and_says_where(
    key: ApiKey, fields: dict[str, Any], param: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        submit(key=key, request=GenerationRequest(**fields))

    assert caught.value.param == param
    assert not GenerationJob.objects.exists()


def test_submit_with_the_same_idempotency_key_and_body_returns_the_same_job(key: ApiKey) -> None:
    first = submit(key=key, request=HELLO, idempotency_key="order-7")

    second = submit(key=key, request=GenerationRequest(prompt="Hello"), idempotency_key="order-7")

    assert (second.job, second.created) == (first.job, False)
    assert GenerationJob.objects.count() == 1


@pytest.mark.parametrize(
    "other",
    [
        GenerationRequest(prompt="Other"),
        GenerationRequest(messages=({"role": "user", "content": "Hello"},)),
        GenerationRequest(prompt="Hello", priority=2),
        GenerationRequest(prompt="Hello", metadata={"a": 1}),
    ],
)
def test_submit_with_the_same_idempotency_key_and_another_body_is_refused(
    key: ApiKey, other: GenerationRequest
) -> None:
    submit(key=key, request=HELLO, idempotency_key="order-7")

    with pytest.raises(IdempotencyKeyReused):
        submit(key=key, request=other, idempotency_key="order-7")


def test_idempotency_keys_of_two_api_keys_are_apart(key: ApiKey) -> None:
    other_key = issuing.issue(name="Other", scopes=["generate"]).key
    submit(key=key, request=HELLO, idempotency_key="order-7")

    assert submit(key=other_key, request=HELLO, idempotency_key="order-7").created


@pytest.mark.parametrize("idempotency_key", ["", "x" * 256, "nul \x00"])
def test_submit_refuses_an_idempotency_key_that_cannot_be_stored(key: ApiKey, idempotency_key: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        submit(key=key, request=HELLO, idempotency_key=idempotency_key)

    assert caught.value.param == "Idempotency-Key"


@pytest.mark.django_db(transaction=True)
def test_submits_at_once_with_one_idempotency_key_make_one_job(key: ApiKey) -> None:
    submitted: list[Submitted] = []
    together = threading.Barrier(8)

    def submit_once() -> None:
        together.wait()
        submitted.append(submit(key=key, request=HELLO, idempotency_key="order-7"))
        connections.close_all()

    threads = [threading.Thread(target=submit_once) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(submitted) == 8
    assert sum(each.created for each in submitted) == 1
    assert len({each.job.pk for each in submitted}) == 1
