"""What the domain refuses, one class for each decision of a door.

    WebhookError
    ├── InvalidEndpoint          the endpoint cannot be as asked; `param` says which field is wrong
    │   └── UrlRefused           no webhook is sent to this URL
    ├── EndpointNotFound         there is no such endpoint (any more), or it is not the key's to see
    ├── NotOwnEndpoint           the key may see the endpoint, and not change it
    ├── DeliveryNotFound         there is no such delivery, or it belongs to another endpoint
    └── EndpointConflict         the state of things does not allow it
        ├── TooManyEndpoints     the key has as many endpoints as it may
        ├── UrlRegistered        the key has an endpoint with this URL
        ├── SecretsInUse         two secrets are valid, and there is no place for a third
        ├── SecretRotated        somebody else gave it another secret at the same moment
        ├── SwitchedOffByStaff   only staff switches it on again
        └── EndpointSwitchedOff  nothing is sent to it until it is switched on, or its key was revoked

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


class EndpointNotFound(WebhookError):
    def __init__(self) -> None:
        super().__init__("There is no such webhook.")


class NotOwnEndpoint(WebhookError):
    def __init__(self) -> None:
        super().__init__("The webhook belongs to another API key, which alone changes it.")


class DeliveryNotFound(WebhookError):
    def __init__(self) -> None:
        super().__init__("There is no such delivery.")


class EndpointConflict(WebhookError):
    pass


class TooManyEndpoints(EndpointConflict):
    def __init__(self, most: int) -> None:
        super().__init__(f"An API key has {most} webhooks at most, and this one has them. Remove one first.")


class UrlRegistered(EndpointConflict):
    def __init__(self) -> None:
        super().__init__("The API key has a webhook with this URL already. Change that one.")


class SecretsInUse(EndpointConflict):
    def __init__(self) -> None:
        super().__init__(
            "The secret before this one is still valid. Wait until it is not, or rotate with "
            "keep_old_for_s: 0, which ends both at once."
        )


class SecretRotated(EndpointConflict):
    def __init__(self) -> None:
        super().__init__("The webhook was given another secret at the same moment.")


class SwitchedOffByStaff(EndpointConflict):
    def __init__(self) -> None:
        super().__init__(
            "The webhook was switched off by your administrator, who alone switches it on again."
        )


class EndpointSwitchedOff(EndpointConflict):
    def __init__(self) -> None:
        super().__init__("The webhook is switched off. Switch it on first.")
