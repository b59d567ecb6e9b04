from __future__ import annotations

import uuid

import pytest

from apikeys.models import ApiKey
from generation.errors import InvalidRequest
from tests.webhooks.receiving import end_job, new_endpoint
from webhooks import selectors
from webhooks.errors import DeliveryNotFound
from webhooks.models import DeliveryStatus, WebhookDelivery, WebhookEndpoint

pytestmark = pytest.mark.django_db


@pytest.fixture
def endpoint(key: ApiKey) -> WebhookEndpoint:
    endpoint = new_endpoint(key)
    for _ in range(5):
        end_job(key)
    return endpoint


def test_pages_have_all_deliveries_newest_first(endpoint: WebhookEndpoint) -> None:
    first = selectors.deliveries_page(endpoint, limit=2)
    second = selectors.deliveries_page(endpoint, limit=2, cursor=first.next_cursor)
    third = selectors.deliveries_page(endpoint, limit=2, cursor=second.next_cursor)

    found = [delivery.pk for page in (first, second, third) for delivery in page.items]
    assert found == list(WebhookDelivery.objects.order_by("-pk").values_list("pk", flat=True))
    assert third.next_cursor is None


def test_page_of_one_status(endpoint: WebhookEndpoint) -> None:
    newest = WebhookDelivery.objects.latest("pk")
    WebhookDelivery.objects.filter(pk=newest.pk).update(status=DeliveryStatus.FAILED)

    page = selectors.deliveries_page(endpoint, status=DeliveryStatus.FAILED)

    assert [delivery.pk for delivery in page.items] == [newest.pk]


def test_page_has_nothing_of_another_endpoint(endpoint: WebhookEndpoint, key: ApiKey) -> None:
    assert selectors.deliveries_page(new_endpoint(key)).items == ()


@pytest.mark.parametrize("cursor", ["", "x", "AAAAAAAAAA", "_________-8", "AAAAAAAAAAAA", "ä"])
def test_cursor_that_no_page_gave_is_refused(cursor: str, endpoint: WebhookEndpoint) -> None:
    with pytest.raises(InvalidRequest):
        selectors.deliveries_page(endpoint, cursor=cursor)


@pytest.mark.parametrize("limit", [0, 101])
def test_limit_out_of_range_is_refused(limit: int, endpoint: WebhookEndpoint) -> None:
    with pytest.raises(InvalidRequest):
        selectors.deliveries_page(endpoint, limit=limit)


def test_delivery_is_found_by_its_message(endpoint: WebhookEndpoint, key: ApiKey) -> None:
    delivery = WebhookDelivery.objects.latest("pk")

    assert selectors.delivery_of(endpoint, delivery.message_id) == delivery
    with pytest.raises(DeliveryNotFound):
        selectors.delivery_of(new_endpoint(key), delivery.message_id)
    with pytest.raises(DeliveryNotFound):
        selectors.delivery_of(endpoint, uuid.uuid4())
