"""The operations on webhooks."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Annotated, ParamSpec, TypeVar

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from ninja import Body, Query, Router

from apikeys.models import ApiKey
from background.threads import in_thread
from webhooks import deliveries, endpoints, messages, registered, selectors
from webhooks.errors import DeliveryNotFound, EndpointNotFound
from webhooks.models import DeliveryStatus, WebhookDelivery, WebhookEndpoint

from .acting import acting_key
from .authentication import to_change_webhooks, to_see_webhooks
from .limited import within_limits
from .openapi import RATE_LIMIT_HEADERS, documented, json_examples
from .parameters import refuse_stray_parameters
from .responses import json_response
from .webhook_answers import (
    Delivery,
    DeliveryList,
    Webhook,
    WebhookList,
    WebhookWithSecret,
    delivery,
    webhook,
    webhook_with_secret,
)
from .webhook_requests import Amendment, DeliveryListing, Registration, Rotation, WebhookListing

P = ParamSpec("P")
T = TypeVar("T")

router = Router(tags=["Webhooks"])

_FOR_A_DAY = Rotation(keep_old_for_s=endpoints.KEEP_OLD_FOR_S)


@router.post(
    "/webhooks",
    auth=to_change_webhooks,
    url_name="webhooks",
    operation_id="register_webhook",
    summary="Register a webhook",
    **documented(
        {201: WebhookWithSecret},
        409,
        413,
        422,
        429,
        descriptions={201: "The webhook, with its secret."},
        headers={"Location": "Where the webhook is.", **RATE_LIMIT_HEADERS},
        requestBody=json_examples(
            all_events={"url": "https://app.example.com/hooks"},
            failures={
                "url": "https://app.example.com/hooks/failures?of=reports",
                "description": "Wakes whoever is on call",
                "events": ["generation.failed"],
            },
        ),
    ),
)
async def register_webhook(request: HttpRequest, payload: Annotated[Registration, Body()]) -> HttpResponse:
    """From now on a message is sent there whenever a generation of your key ends, signed with `secret`.

    The message is a POST as [Standard Webhooks](https://www.standardwebhooks.com/) describes it, with the
    headers `webhook-id`, `webhook-timestamp` and `webhook-signature`. It tells that a generation has ended,
    and how; what was generated you fetch from its `status_url`. Answer with 2xx within some seconds. Anything
    else is tried again over days. A message may come more than once, under the same `webhook-id`, and later
    than a younger one.
    """

    async def answer() -> HttpResponse:
        issued = await _acting(
            request,
            endpoints.register,
            _key(request),
            url=payload.url,
            description=payload.description,
            events=payload.events_asked(),
        )
        response = _with_secret(issued, status=201)
        response["Location"] = reverse("api:webhook", args=[issued.endpoint.pk])
        return response

    return await within_limits(_key(request), answer)


@router.get(
    "/webhooks",
    auth=to_see_webhooks,
    url_name="webhooks",
    operation_id="list_webhooks",
    summary="List webhooks",
    **documented({200: WebhookList}, 422, descriptions={200: "A page."}),
)
async def list_webhooks(request: HttpRequest, listing: Annotated[WebhookListing, Query()]) -> HttpResponse:
    """Your webhooks, newest first. A key with the scope `manage` sees those of all keys."""
    refuse_stray_parameters(request, WebhookListing)
    page = await in_thread(
        registered.endpoints_page, _key(request), cursor=listing.cursor, limit=listing.limit
    )
    answer = WebhookList(data=[webhook(each) for each in page.items], next_cursor=page.next_cursor)
    return json_response(answer.model_dump(mode="json"))


@router.get(
    "/webhooks/{webhook_id}",
    auth=to_see_webhooks,
    url_name="webhook",
    operation_id="get_webhook",
    summary="Get a webhook",
    **documented({200: Webhook}, 404, descriptions={200: "The webhook."}),
)
async def get_webhook(request: HttpRequest, webhook_id: str) -> HttpResponse:
    """The webhook as it is now, without its secret."""
    return _answer(await _seen(request, webhook_id))


@router.patch(
    "/webhooks/{webhook_id}",
    auth=to_change_webhooks,
    url_name="webhook",
    operation_id="change_webhook",
    summary="Change a webhook",
    **documented(
        {200: Webhook},
        404,
        409,
        413,
        422,
        429,
        descriptions={200: "The webhook as it is now."},
        headers=RATE_LIMIT_HEADERS,
        requestBody=json_examples(
            url={"url": "https://app.example.com/new-hooks"},
            switch_off={"enabled": False},
            events={"events": ["generation.completed", "generation.failed"]},
        ),
    ),
)
async def change_webhook(
    request: HttpRequest, webhook_id: str, payload: Annotated[Amendment, Body()]
) -> HttpResponse:
    """Fields that are absent stay as they are.

    With `enabled: false` nothing is sent until it is `true` again; then what was pending is sent at once.
    """

    async def answer() -> HttpResponse:
        endpoint = await _own(request, webhook_id)
        return _answer(await _acting(request, endpoints.change, endpoint, payload.as_changes()))

    return await within_limits(_key(request), answer)


@router.delete(
    "/webhooks/{webhook_id}",
    auth=to_change_webhooks,
    url_name="webhook",
    operation_id="remove_webhook",
    summary="Remove a webhook",
    **documented({204: None}, 404, descriptions={204: "It is removed."}),
)
async def remove_webhook(request: HttpRequest, webhook_id: str) -> HttpResponse:
    """For good: nothing is sent any more, not even what was pending."""
    endpoint = await _own(request, webhook_id)
    if not await _acting(request, endpoints.remove, endpoint):
        raise EndpointNotFound
    return HttpResponse(status=204)


@router.post(
    "/webhooks/{webhook_id}/rotate-secret",
    auth=to_change_webhooks,
    url_name="webhook-rotate-secret",
    operation_id="rotate_webhook_secret",
    summary="Get a new secret",
    **documented(
        {200: WebhookWithSecret},
        404,
        409,
        413,
        422,
        429,
        descriptions={200: "The webhook, with its new secret."},
        headers=RATE_LIMIT_HEADERS,
        requestBody=json_examples(
            for_an_hour={"keep_old_for_s": 3600}, at_once={"keep_old_for_s": 0}, for_a_day={}
        ),
    ),
)
async def rotate_webhook_secret(
    request: HttpRequest, webhook_id: str, payload: Annotated[Rotation, Body()] = _FOR_A_DAY
) -> HttpResponse:
    """For a while messages carry two signatures, by the new secret and by the old one.

    So that no message is refused: let your receiver take both, rotate, give it the new one, and forget the
    old. While two secrets are valid, a third is only to be had with `keep_old_for_s: 0`.
    """

    async def answer() -> HttpResponse:
        endpoint = await _own(request, webhook_id)
        rotate = endpoints.rotate_secret
        return _with_secret(
            await _acting(request, rotate, endpoint, keep_old_for_s=payload.keep_old_for_s), status=200
        )

    return await within_limits(_key(request), answer)


@router.post(
    "/webhooks/{webhook_id}/test",
    auth=to_change_webhooks,
    url_name="webhook-test",
    operation_id="test_webhook",
    summary="Send a test",
    **documented(
        {202: Delivery},
        404,
        409,
        429,
        descriptions={202: "The delivery of the test."},
        headers={"Location": "Where to see what became of it.", **RATE_LIMIT_HEADERS},
    ),
)
async def test_webhook(request: HttpRequest, webhook_id: str) -> HttpResponse:
    """Sends a message of the type `webhook.test`, once."""

    async def answer() -> HttpResponse:
        endpoint = await _own(request, webhook_id)
        return await _sent(endpoint, await _acting(request, deliveries.send_test, endpoint))

    return await within_limits(_key(request), answer)


@router.get(
    "/webhooks/{webhook_id}/deliveries",
    auth=to_see_webhooks,
    url_name="webhook-deliveries",
    operation_id="list_webhook_deliveries",
    summary="List deliveries",
    **documented({200: DeliveryList}, 404, 422, descriptions={200: "A page."}),
)
async def list_webhook_deliveries(
    request: HttpRequest, webhook_id: str, listing: Annotated[DeliveryListing, Query()]
) -> HttpResponse:
    """What was sent, or is still to be, newest first. Old deliveries are deleted after some time."""
    refuse_stray_parameters(request, DeliveryListing)
    page = await in_thread(
        selectors.deliveries_page,
        await _seen(request, webhook_id),
        status=listing.status and DeliveryStatus(listing.status),
        cursor=listing.cursor,
        limit=listing.limit,
    )
    answer = DeliveryList(data=[delivery(each) for each in page.items], next_cursor=page.next_cursor)
    return json_response(answer.model_dump(mode="json"))


@router.get(
    "/webhooks/{webhook_id}/deliveries/{delivery_id}",
    auth=to_see_webhooks,
    url_name="webhook-delivery",
    operation_id="get_webhook_delivery",
    summary="Get a delivery",
    **documented({200: Delivery}, 404, descriptions={200: "The delivery."}),
)
async def get_webhook_delivery(request: HttpRequest, webhook_id: str, delivery_id: str) -> HttpResponse:
    """One message to one webhook, with the latest attempts to deliver it."""
    found = await _delivery(await _seen(request, webhook_id), delivery_id)
    return json_response(delivery(found).model_dump(mode="json"))


@router.post(
    "/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver",
    auth=to_change_webhooks,
    url_name="webhook-redeliver",
    operation_id="redeliver_webhook",
    summary="Deliver once more",
    **documented(
        {202: Delivery},
        404,
        409,
        429,
        descriptions={202: "The delivery as it is now."},
        headers={"Location": "Where to see what becomes of it.", **RATE_LIMIT_HEADERS},
    ),
)
async def redeliver_webhook(request: HttpRequest, webhook_id: str, delivery_id: str) -> HttpResponse:
    """Sends the same message again, under the same id, whether it was delivered or not."""

    async def answer() -> HttpResponse:
        endpoint = await _own(request, webhook_id)
        found = await _delivery(endpoint, delivery_id)
        return await _sent(endpoint, await _acting(request, deliveries.redeliver, found))

    return await within_limits(_key(request), answer)


def _key(request: HttpRequest) -> ApiKey:
    return request.auth  # type: ignore[attr-defined, no-any-return]


async def _acting(request: HttpRequest, service: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """A call that changes something, with who makes it."""
    with acting_key(request, _key(request)):
        return await in_thread(service, *args, **kwargs)


async def _seen(request: HttpRequest, webhook_id: str) -> WebhookEndpoint:
    """Raises EndpointNotFound; what is no id at all is not found either."""
    return await in_thread(registered.endpoint_for, _key(request), _id(webhook_id))


async def _own(request: HttpRequest, webhook_id: str) -> WebhookEndpoint:
    """Raises EndpointNotFound, NotOwnEndpoint."""
    return await in_thread(registered.own_endpoint, _key(request), _id(webhook_id))


async def _delivery(endpoint: WebhookEndpoint, delivery_id: str) -> WebhookDelivery:
    """Raises DeliveryNotFound."""
    message_id = messages.parse_public_id(delivery_id)
    if message_id is None:
        raise DeliveryNotFound
    return await in_thread(selectors.delivery_of, endpoint, message_id)


def _id(webhook_id: str) -> uuid.UUID:
    try:
        return uuid.UUID(webhook_id)
    except ValueError:
        raise EndpointNotFound from None


def _answer(endpoint: WebhookEndpoint) -> HttpResponse:
    return json_response(webhook(endpoint).model_dump(mode="json"))


def _with_secret(issued: endpoints.Issued, *, status: int) -> HttpResponse:
    response = json_response(webhook_with_secret(issued).model_dump(mode="json"), status=status)
    response["Cache-Control"] = "no-store"
    return response


async def _sent(endpoint: WebhookEndpoint, row: WebhookDelivery) -> HttpResponse:
    answer = delivery(await in_thread(selectors.delivery_of, endpoint, row.message_id))
    response = json_response(answer.model_dump(mode="json"), status=202)
    response["Location"] = reverse("api:webhook-delivery", args=[endpoint.pk, answer.id])
    return response
