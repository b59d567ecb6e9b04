"""What the domain refuses.

WebhookError
├── EndpointSwitchedOff    nothing is sent to it until it is switched on
└── DeliveryNotFound       there is no such delivery, or it belongs to another endpoint
"""

from __future__ import annotations


class WebhookError(Exception):
    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class EndpointSwitchedOff(WebhookError):
    def __init__(self) -> None:
        super().__init__("The webhook is switched off. Switch it on first.")


class DeliveryNotFound(WebhookError):
    def __init__(self) -> None:
        super().__init__("There is no such delivery.")
