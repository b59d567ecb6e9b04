"""One row of each kind that a page can show."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import Group, User
from django.db.models import Model
from django.utils import timezone

from apikeys import issuing
from apikeys.models import ApiKey
from audit import trail
from audit.actions import Action
from audit.context import Actor, Origin, acting
from audit.models import AuditEvent
from epochs.models import Process
from generation.models import AttemptOutcome, Breaker, GenerationJob, JobAttempt, JobStatus
from generators.models import Generator
from llmbackends.secret import Secret
from llmconfigs.models import ActivationRequest, LLMConfig
from usage.models import UsageRecord
from webhooks.models import (
    AttemptOutcome as Outcome,
)
from webhooks.models import (
    DeliveryStatus,
    DisabledBecause,
    Event,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
)

PASSWORD = "a-password-of-a-sample"


class Samples:
    """Makes each row when it is asked for, and once.

    text: in the place of everything that people or models write. key: of the configuration, "" for none.
    owner: whose the API key and the job are.
    """

    def __init__(self, *, text: str = "sample", key: str = "", owner: User | None = None) -> None:
        self.text = text
        self.key = key
        self.owner = owner
        self._rows: dict[type[Model], Model] = {}

    def get(self, model: type[Model]) -> Any:
        assert model in _MAKERS, f"Tell how to make a {model.__name__}, in {__name__}."
        if model not in self._rows:
            self._rows[model] = _MAKERS[model](self)
        return self._rows[model]

    def make_all(self) -> list[Any]:
        return [self.get(model) for model in _MAKERS]


def _config(samples: Samples) -> LLMConfig:
    """Not active, and of a service that is not there."""
    return LLMConfig.objects.create(
        name=samples.text[:100],
        provider="vllm",
        model_name=samples.text,
        endpoint_url="http://127.0.0.1:9",
        api_key=Secret(samples.key),
        parameters={"stop": [samples.text]},
    )


def _generator(samples: Samples) -> Generator:
    """A draft."""
    return Generator.objects.create(
        name="sample",
        description=samples.text,
        system_prompt=samples.text,
        prompt_template=samples.text,
        input_schema={"type": "object", "title": samples.text},
        output_kind="json",
        output_schema={"const": samples.text},
    )


def _key(samples: Samples) -> ApiKey:
    key = issuing.issue(name=samples.text[:100], scopes=["generate", "read"]).key
    key.owner = samples.owner
    key.save(update_fields=["owner"])
    return key


def _job(samples: Samples) -> GenerationJob:
    """That failed, at the second attempt, after something had come."""
    now = timezone.now()
    job = GenerationJob.objects.create(
        key=samples.get(ApiKey),
        status=JobStatus.FAILED,
        request={"prompt": samples.text},
        metadata={samples.text[:64]: samples.text},
        request_digest="0" * 64,
        idempotency_key=samples.text,
        text=samples.text,
        tool_calls=[{"id": "1", "name": samples.text, "arguments": samples.text}],
        warnings=[samples.text],
        error_code="backend_error",
        error_message=samples.text,
        failure_detail=samples.text,
        deadline_at=now,
        started_at=now,
        finished_at=now,
        config=samples.get(LLMConfig),
        config_name=samples.text[:100],
        provider="vllm",
        model_name=samples.text,
    )
    JobAttempt.objects.create(
        job=job,
        number=1,
        owner=samples.text[:100],
        ended_at=now,
        outcome=AttemptOutcome.POSTPONED,
        reason=samples.text,
        config_name=samples.text[:100],
        provider="vllm",
        model_name=samples.text,
    )
    return job


def _usage(samples: Samples) -> UsageRecord:
    return UsageRecord.objects.create(
        at=timezone.now(),
        request_id=uuid.uuid4().hex,
        api_key=samples.get(ApiKey),
        route="chat",
        is_streamed=False,
        outcome="failed",
        error_code="backend_error",
        config_id=samples.get(LLMConfig).pk,
        config_name=samples.text[:100],
        provider="vllm",
        model_name=samples.text,
        prompt_tokens=3,
        completion_tokens=2,
        is_estimated=False,
        duration_s=0.1,
    )


def _process(samples: Samples) -> Process:
    now = timezone.now()
    return Process.objects.create(
        id=uuid.uuid4(),
        role="web",
        host=samples.text,
        pid=7,
        version=samples.text[:40],
        configs_epoch=1,
        keys_epoch=1,
        started_at=now,
        seen_at=now,
    )


def _user(samples: Samples) -> User:
    """With a name that only a program could give: the form allows fewer signs."""
    text = samples.text
    return User.objects.create_user(
        text[:150], f"{uuid.uuid4().hex}@example.org", PASSWORD, first_name=text[:150], last_name=text[:150]
    )


def _group(samples: Samples) -> Group:
    return Group.objects.create(name=samples.text[:150])


def _request(samples: Samples) -> ActivationRequest:
    """That waits."""
    config, now = samples.get(LLMConfig), timezone.now()
    return ActivationRequest.objects.create(
        config_id=config.pk,
        config_name=config.name,
        config_version=config.version,
        requested_by_name=samples.text,
        requested_at=now,
        reason=samples.text,
        expires_at=now + timedelta(days=1),
    )


def _breaker(samples: Samples) -> Breaker:
    """That is open."""
    now = timezone.now()
    return Breaker.objects.create(
        backend="config-1-1",
        name=samples.text[:100],
        failures=3,
        reason=samples.text,
        failed_at=now,
        opened_at=now,
        probe_at=now,
    )


def _event(samples: Samples) -> AuditEvent:
    """Of the configuration, which shows it in its history."""
    text = samples.text
    with acting(Origin(Actor(1, text), address="192.0.2.1", request_id=text[:64])):
        trail.record_alone(
            Action.CONFIG_CHANGED,
            trail.Subject("llmconfig", str(samples.get(LLMConfig).pk), text),
            details={"changes": {text: {"from": text, "to": text}}},
        )
    return AuditEvent.objects.latest("number")


def _endpoint(samples: Samples) -> WebhookEndpoint:
    """That failed for days; with a URL that only a program could give."""
    now = timezone.now()
    return WebhookEndpoint.objects.create(
        key=samples.get(ApiKey),
        url=f"https://{samples.text}/{samples.text}"[:500],
        description=samples.text[:200],
        secret=Secret("whsec_c2VjcmV0LW9mLWEtc2FtcGxl"),
        failing_since=now,
        disabled_at=now,
        disabled_because=DisabledBecause.FAILING,
    )


def _delivery(samples: Samples) -> WebhookDelivery:
    """That failed, at the first attempt."""
    now = timezone.now()
    delivery = WebhookDelivery.objects.create(
        endpoint=samples.get(WebhookEndpoint),
        event=Event.FAILED,
        job_id=samples.get(GenerationJob).pk,
        body=json.dumps({"type": samples.text}),
        status=DeliveryStatus.FAILED,
        created_at=now,
        round_began_at=now,
        attempts=1,
        finished_at=now,
    )
    WebhookAttempt.objects.create(
        delivery=delivery,
        number=1,
        started_at=now,
        duration_s=0.5,
        outcome=Outcome.CONNECTION_FAILED,
        reason=samples.text,
    )
    return delivery


_MAKERS: dict[type[Model], Callable[[Samples], Model]] = {
    LLMConfig: _config,
    Generator: _generator,
    ApiKey: _key,
    GenerationJob: _job,
    UsageRecord: _usage,
    ActivationRequest: _request,
    Breaker: _breaker,
    WebhookEndpoint: _endpoint,
    WebhookDelivery: _delivery,
    Process: _process,
    User: _user,
    Group: _group,
    AuditEvent: _event,
}
