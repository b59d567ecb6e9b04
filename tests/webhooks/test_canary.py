"""Nothing of what is behind the API goes out with a message, nor does its secret stay anywhere."""

from __future__ import annotations

import pytest

from apikeys.models import ApiKey
from audit.models import AuditEvent
from generation.failures import API_ERRORS
from generation.models import GenerationJob, JobStatus
from generation.queue.outcomes import AnsweredBy, Outcome, Trace, failed
from tests.api.frontdoor.upstream import running as running_receiver
from tests.canary import Canaries, database_dump
from tests.generation.jobs import COMPLETED
from tests.llmbackends import faults
from tests.webhooks.receiving import end_job, new_endpoint, sending, wait_for
from webhooks.models import WebhookDelivery

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def canaries() -> Canaries:
    return Canaries()


def outcomes(canaries: Canaries) -> list[Outcome]:
    trace = Trace(
        AnsweredBy(
            None,
            canaries.make("configuration"),
            canaries.make("provider"),
            canaries.make("model"),
            canaries.make("backend"),
        ),
        failure_detail=canaries.make("detail", "http://10.1.2.3:11434 said "),
    )
    return [
        Outcome(**{**_fields(COMPLETED), "trace": trace, "text": canaries.make("text")}),
        failed(API_ERRORS["backend_error"], trace=trace),
        Outcome(status=JobStatus.CANCELLED, trace=trace),
    ]


def _fields(outcome: Outcome) -> dict[str, object]:
    return {name: getattr(outcome, name) for name in outcome.__slots__}


def test_message_names_nothing_of_what_is_behind_the_api(
    key: ApiKey, canaries: Canaries, caplog: pytest.LogCaptureFixture
) -> None:
    asked = canaries.make("prompt")
    path, token = canaries.make("path of the URL"), canaries.make("answer")
    with running_receiver(
        faults.answer(500, {"token": token}), faults.answer(200, {"token": token})
    ) as receiver:
        new_endpoint(key, f"{receiver.url}/{path}")
        for outcome in outcomes(canaries):
            end_job(key, outcome, request={"prompt": asked})
        GenerationJob.objects.update(lease_owner=canaries.make("worker"))
        with sending():
            for delivery in WebhookDelivery.objects.all():
                wait_for(delivery, lambda delivery: delivery.tries.exists())

    sent = [f"{request.headers} {request.body.decode()}" for request in receiver.requests]
    assert len(sent) == 3
    assert canaries.found_in(" ".join(sent)) == []
    assert {request.path for request in receiver.requests} == {f"/{path}"}
    assert "answer" not in canaries.found_in(database_dump())
    told = [caplog.text, *AuditEvent.objects.values_list("details_json", "subject_name")]
    assert not {"path of the URL", "answer"} & set(canaries.found_in(str(told)))


def test_secret_is_nowhere(key: ApiKey, canaries: Canaries, caplog: pytest.LogCaptureFixture) -> None:
    secret = canaries.add("secret", "whsec_" + "c2VjcmV0LXRoYXQtbm9ib2R5LW1heS1zZWUtYnV0LXVz")
    with running_receiver(faults.answer(410)) as receiver:
        new_endpoint(key, receiver.url, secret=secret)
        end_job(key)
        with sending():
            wait_for(WebhookDelivery.objects.get(), lambda delivery: delivery.tries.exists())

    seen = [str((request.headers, request.body)) for request in receiver.requests]
    assert canaries.found_in(" ".join([*seen, caplog.text, database_dump()])) == []
