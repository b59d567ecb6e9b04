"""A body takes the fields that are documented and nothing else, whatever is sent with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db.models import Model

from apikeys.models import ApiKey
from generation.models import GenerationJob
from llmconfigs.models import LLMConfig
from tests.api.callers import Caller, InProcessCaller
from usage import writer
from usage.models import UsageRecord

HELLO = {"messages": [{"role": "user", "content": "Hello"}]}
# Each with what its dialect requires.
BODIES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"model": "default", **HELLO},
    "/v1/completions": {"model": "default", "prompt": "Hello"},
    "/v1/responses": {"model": "default", "input": "Hello"},
    "/v1/messages": {"model": "default", "max_tokens": 9, **HELLO},
    "/v1/embeddings": {"model": "default", "input": "Hello"},
}
# Of a job, they are part of what may be asked for.
DOCUMENTED = {"priority", "metadata", "generator"}
# Of the dialects, though the columns of ours mean something else.
MEANT_OTHERWISE = {"id", "metadata", "text", "tool_calls", "model"}


def columns(*models: type[Model]) -> set[str]:
    return {
        name
        for model in models
        for field in model._meta.concrete_fields
        for name in (field.name, field.attname)
    }


JOB_COLUMNS = sorted(columns(GenerationJob) - DOCUMENTED)


@pytest.mark.parametrize("name", JOB_COLUMNS)
def test_job_takes_no_column_that_is_not_asked_for(quick_member: InProcessCaller, name: str) -> None:
    for value in ("1", 1, True, None, ["1"], {"a": "1"}):
        body = json.dumps({"prompt": "Hello", name: value})
        response = quick_member.post(
            "/api/v1/generations", content=body, headers={"content-type": "application/json"}
        )

        assert response.status_code == 422
        assert response.json()["error"]["param"] == name
    assert not GenerationJob.objects.exists()


@pytest.mark.parametrize("path", BODIES)
def test_front_door_ignores_columns_of_ours(
    call_as: Callable[..., Caller], activate: Callable[..., LLMConfig], path: str
) -> None:
    config, member, other = activate(), call_as("generate"), call_as("generate")
    names = columns(LLMConfig, ApiKey, UsageRecord) - MEANT_OTHERWISE
    forged = dict.fromkeys(names - set(BODIES[path]), "forged") | {
        "api_key": other.secret,
        "key": other.key.pk,
    }

    response = member.post(path, json={**forged, **BODIES[path]})

    assert response.status_code == 200, response.text
    assert writer.flush(5)
    record = UsageRecord.objects.get()
    assert (record.api_key, record.config_id, record.provider) == (member.key, config.pk, "dummy")
    assert "forged" not in str(list(UsageRecord.objects.values())) + response.text
    assert LLMConfig.objects.get().version == 1
    assert list(ApiKey.objects.order_by("pk").values_list("scopes", flat=True)) == [
        ["generate"],
        ["generate"],
    ]
