from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.db.models import F
from django.utils import timezone

from apikeys import issuing
from apikeys.models import ApiKey
from generation.models import GenerationJob
from llmbackends.secret import Secret
from tests.generation.jobs import seconds_ago
from tests.plans import rows_read
from tests.webhooks.endpoints_support import a_key
from tests.webhooks.receiving import SECRET, end_job, new_endpoint, new_secret
from webhooks import claims, endpoints
from webhooks.claims import MOST_PER_ENDPOINT, Lane
from webhooks.models import DeliveryStatus, WebhookDelivery, WebhookEndpoint

pytestmark = pytest.mark.django_db


def claim_all(owner: str = "sender") -> list[claims.Claim]:
    return claims.claim_due(owner, 100, {})


def test_claim_says_what_to_send_where(key: ApiKey) -> None:
    endpoint = new_endpoint(key)
    job = end_job(key)

    (claim,) = claim_all()

    delivery = WebhookDelivery.objects.get()
    assert (claim.owner, claim.attempt, claim.failures) == ("sender", 1, 0)
    assert (claim.url, claim.event) == (endpoint.url, "generation.completed")
    assert claim.message_id == f"msg_{delivery.message_id.hex}"
    assert str(job.pk) in claim.body
    assert [secret.reveal().reveal() for secret in claim.secrets] == [SECRET]
    assert 0 <= claim.round_age_s < 10
    assert (delivery.attempts, delivery.lease_owner) == (1, "sender")
    assert delivery.lease_expires_at is not None


def test_claim_shows_neither_secret_nor_address(key: ApiKey) -> None:
    new_endpoint(key, "http://127.0.0.1:9/token-in-a-path")
    end_job(key)

    (claim,) = claim_all()

    assert "token-in-a-path" not in repr(claim)
    assert "whsec" not in repr(claim)


def test_previous_secret_counts_until_its_end(key: ApiKey) -> None:
    previous = new_secret()
    endpoint = new_endpoint(key, previous_secret=previous, previous_secret_until=seconds_ago(-60))
    end_job(key)
    (claim,) = claim_all()
    assert [secret.reveal().reveal() for secret in claim.secrets] == [SECRET, previous]

    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(previous_secret_until=seconds_ago(1))
    end_job(key)

    (claim,) = claim_all()
    assert [secret.reveal().reveal() for secret in claim.secrets] == [SECRET]


def test_what_is_claimed_is_not_claimed_again_until_its_lease_ends(key: ApiKey) -> None:
    new_endpoint(key)
    end_job(key)
    assert len(claim_all("first")) == 1
    assert claim_all("second") == []

    WebhookDelivery.objects.update(lease_expires_at=seconds_ago(0.001))

    (claim,) = claim_all("second")
    assert (claim.owner, claim.attempt) == ("second", 2)


def test_what_is_not_due_is_not_claimed(key: ApiKey) -> None:
    new_endpoint(key)
    for _ in range(3):
        end_job(key)
    first, second, third = WebhookDelivery.objects.order_by("pk")
    WebhookDelivery.objects.filter(pk=first.pk).update(next_attempt_at=seconds_ago(-60))
    WebhookDelivery.objects.filter(pk=second.pk).update(
        status=DeliveryStatus.DELIVERED, next_attempt_at=None, finished_at=timezone.now()
    )

    assert [claim.delivery_id for claim in claim_all()] == [third.pk]


@pytest.mark.parametrize(("field", "ago_s"), [("disabled_at", 1), ("held_until", -60)])
def test_endpoint_that_is_off_or_asked_for_patience_gets_nothing(
    field: str, ago_s: float, key: ApiKey
) -> None:
    resting, other = new_endpoint(key), new_endpoint(key)
    end_job(key)
    WebhookEndpoint.objects.filter(pk=resting.pk).update(**{field: seconds_ago(ago_s)})

    assert [claim.endpoint_id for claim in claim_all()] == [other.pk]

    WebhookEndpoint.objects.update(disabled_at=None, held_until=seconds_ago(1))
    assert [claim.endpoint_id for claim in claim_all()] == [resting.pk]


@pytest.mark.parametrize("asks", [claim_all, lambda: claims.held_by("sender")])
@pytest.mark.parametrize(
    "switch_off", [endpoints.switch_off, endpoints.remove, lambda each: issuing.revoke(each.key)]
)
def test_endpoint_that_is_switched_off_while_its_message_is_claimed_gets_nothing(
    asks: Callable[[], list[claims.Claim]],
    switch_off: Callable[[WebhookEndpoint], object],
    key: ApiKey,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    endpoint, other = new_endpoint(key, on_failed=False), new_endpoint(a_key("other"))
    end_job(key)
    end_job(other.key)
    write = claims._write_bodies

    def switch_off_and_write(deliveries: Sequence[WebhookDelivery]) -> None:
        switch_off(endpoint)
        write(deliveries)

    if asks is not claim_all:
        claim_all()
        WebhookDelivery.objects.update(body="")
    monkeypatch.setattr(claims, "_write_bodies", switch_off_and_write)

    assert [claim.endpoint_id for claim in asks()] == [other.pk]

    given_back = WebhookDelivery.objects.get(endpoint=endpoint)
    assert (given_back.status, given_back.attempts, given_back.lease_expires_at) == ("pending", 0, None)


def test_message_goes_where_the_endpoint_is_and_signed_as_it_is_when_it_is_claimed(
    key: ApiKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint, new = new_endpoint(key), new_secret()
    end_job(key)
    write = claims._write_bodies

    def move_and_write(deliveries: Sequence[WebhookDelivery]) -> None:
        WebhookEndpoint.objects.filter(pk=endpoint.pk).update(url=f"{endpoint.url}/new", secret=Secret(new))
        write(deliveries)

    monkeypatch.setattr(claims, "_write_bodies", move_and_write)

    (claim,) = claim_all()

    assert claim.url == f"{endpoint.url}/new"
    assert [secret.reveal().reveal() for secret in claim.secrets] == [new]


def test_message_of_a_job_that_is_gone_has_no_body(key: ApiKey) -> None:
    new_endpoint(key)
    end_job(key)
    GenerationJob.objects.all().delete()

    (claim,) = claim_all()

    assert claim.body == ""


def test_oldest_of_an_endpoint_come_first_and_not_too_many(key: ApiKey) -> None:
    new_endpoint(key)
    for _ in range(MOST_PER_ENDPOINT + 3):
        end_job(key)
    oldest = list(WebhookDelivery.objects.order_by("next_attempt_at").values_list("pk", flat=True))

    taken = [claim.delivery_id for claim in claim_all()]

    assert taken == oldest[:MOST_PER_ENDPOINT]


def test_many_messages_of_one_endpoint_leave_room_for_another(key: ApiKey) -> None:
    flooded = new_endpoint(key, on_failed=False)
    for _ in range(20):
        end_job(key)
    late = new_endpoint(key)
    end_job(key)

    claimed = claims.claim_due("sender", 4, {flooded.pk: 2})

    assert [claim.endpoint_id for claim in claimed].count(late.pk) == 1
    assert len(claimed) == 4


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_many_senders_at_once_claim_each_message_once(key: ApiKey) -> None:
    for _ in range(5):
        new_endpoint(key)
    for _ in range(12):
        end_job(key)

    def drain(number: int) -> list[int]:
        taken: list[int] = []
        try:
            while claimed := claims.claim_due(f"sender-{number}", 5, {}):
                taken += [claim.delivery_id for claim in claimed]
        finally:
            connection.close()
        return taken

    with ThreadPoolExecutor(4) as executor:
        taken = [delivery for each in executor.map(drain, range(4)) for delivery in each]

    assert sorted(taken) == sorted(WebhookDelivery.objects.values_list("pk", flat=True))
    assert not WebhookDelivery.objects.exclude(attempts=1).exists()


# --- Sharing


A, B, C = (uuid.UUID(int=number) for number in (1, 2, 3))


def lanes(*ids: uuid.UUID, failing: Sequence[uuid.UUID] = ()) -> list[Lane]:
    return [Lane(each, each in failing, waited_s=float(number)) for number, each in enumerate(ids)]


def test_each_endpoint_gets_one_before_any_gets_two() -> None:
    assert claims.share(lanes(A, B, C), 4, {}) == {C: 2, B: 1, A: 1}


def test_idlest_endpoint_comes_first() -> None:
    assert claims.share(lanes(A, B), 1, {B: 1}) == {A: 1}


def test_endpoint_gets_no_more_than_its_share() -> None:
    assert claims.share(lanes(A), 100, {A: 3}) == {A: MOST_PER_ENDPOINT - 3}
    assert claims.share(lanes(A), 100, {A: MOST_PER_ENDPOINT}) == {}


def test_endpoint_that_fails_gets_one_at_a_time() -> None:
    assert claims.share(lanes(A, B, failing=[A]), 100, {}) == {A: 1, B: MOST_PER_ENDPOINT}
    assert claims.share(lanes(A, failing=[A]), 100, {A: 1}) == {}


# --- What it costs


@pytest.mark.postgresql
def test_looking_for_messages_reads_few_rows_of_each_endpoint_however_many_wait(key: ApiKey) -> None:
    waiting = [new_endpoint(key) for _ in range(3)]
    end_job(key)
    (example, *_) = WebhookDelivery.objects.all()
    WebhookDelivery.objects.bulk_create(
        WebhookDelivery(
            endpoint=waiting[number % 3],
            event=example.event,
            status=DeliveryStatus.PENDING if number % 2 else DeliveryStatus.DELIVERED,
            created_at=example.created_at,
            round_began_at=example.created_at,
            next_attempt_at=example.created_at,
        )
        for number in range(6000)
    )
    WebhookEndpoint.objects.filter(pk=waiting[0].pk).update(disabled_at=timezone.now())
    WebhookDelivery.objects.filter(endpoint=waiting[1]).update(next_attempt_at=F("next_attempt_at"))

    with connection.cursor() as cursor:
        cursor.execute("ANALYZE webhooks_webhookdelivery")
    query = claims._LANES.format(now=claims.sql.now(), waited=claims.sql.seconds_since("found.due_at"))

    # One or two to find each of the three endpoints, and the first message of those that are on.
    assert rows_read(WebhookDelivery, query) < 10
