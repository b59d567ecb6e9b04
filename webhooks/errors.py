"""What the domain refuses, one class for each decision of a door.

    WebhookError
    ├── InvalidEndpoint        the endpoint cannot be as asked; `param` says which field is wrong
    │   └── UrlRefused         no webhook is sent to this URL
    ├── TooManyEndpoints       the key has as many endpoints as it may
    ├── EndpointNotFound       there is no such endpoint (any more), or it belongs to another key
    ├── EndpointSwitchedOff    nothing is sent to it until it is switched on
    ├── DeliveryNotFound       there is no such delivery, or it belongs to another endpoint
    └── DeliveryPending        the delivery is still waiting for its turn

The messages are written for API clients: they name nothing of what is behind the API, and nothing of the
networks that it looks into.
"""

from __future__ import annotations


class WebhookError(Exception):
    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InvalidEndpoint(WebhookError):
    def __init__(self, message: str, *, param: str) -> None:
        super().__init__(message)
        self.param = param


class UrlRefused(InvalidEndpoint):
    def __init__(self, message: str) -> None:
        super().__init__(message, param="url")


class TooManyEndpoints(WebhookError):
    def __init__(self, most: int) -> None:
        super().__init__(f"A key may have {most} webhooks at most. Remove one first.")


class EndpointNotFound(WebhookError):
    def __init__(self) -> None:
        super().__init__("There is no such webhook.")


class EndpointSwitchedOff(WebhookError):
    def __init__(self) -> None:
        super().__init__("The webhook is switched off. Switch it on first.")


class DeliveryNotFound(WebhookError):
    def __init__(self) -> None:
        super().__init__("There is no such delivery.")


class DeliveryPending(WebhookError):
    def __init__(self) -> None:
        super().__init__("The delivery is still waiting for its turn, so it will be sent anyway.")
