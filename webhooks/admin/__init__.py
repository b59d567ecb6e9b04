"""Webhooks in the admin. Endpoints belong to their clients: staff looks, switches and helps. Deliveries, of
which there may be millions, are read and sent again."""

from .delivery_admin import WebhookDeliveryAdmin
from .endpoint_admin import WebhookEndpointAdmin

__all__ = ["WebhookDeliveryAdmin", "WebhookEndpointAdmin"]
