"""The admin's pages as a test reads them."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from llmbackends.secret import Secret

if TYPE_CHECKING:
    from llmconfigs.models import LLMConfig

CHANGELIST = "admin:llmconfigs_llmconfig_changelist"
ADD = "admin:llmconfigs_llmconfig_add"
CHANGE = "admin:llmconfigs_llmconfig_change"
DELETE = "admin:llmconfigs_llmconfig_delete"
HISTORY = "admin:llmconfigs_llmconfig_history"
ACTIVATE = "admin:llmconfigs_llmconfig_activate"
DEACTIVATE = "admin:llmconfigs_llmconfig_deactivate"
ROLL_BACK = "admin:llmconfigs_llmconfig_roll_back"
SWITCHED = "admin:llmconfigs_llmconfig_switched"
PROCESSES = "admin:llmconfigs_llmconfig_processes"
CLONE = "admin:llmconfigs_llmconfig_clone"
REQUEST = "admin:llmconfigs_llmconfig_request"
REQUESTS = "admin:llmconfigs_llmconfig_requests"
DECIDE = "admin:llmconfigs_llmconfig_decide"
TRY = "admin:llmconfigs_llmconfig_try"
TRY_NEW = "admin:llmconfigs_llmconfig_try_new"


def url(page: str, *arguments: Any) -> str:
    return reverse(page, args=arguments)


def form_data(**values: Any) -> dict[str, Any]:
    """What a browser sends for the form, with JSON where the form takes it."""
    data = {
        "name": "example",
        "provider": "dummy",
        "model_name": "",
        "endpoint_url": "",
        "api_key": "",
        "parameters": {},
        "client_parameters": {"max_tokens": {}, "stop": {}},
        "options": {},
        "timeout_seconds": 120,
        "max_retries": 2,
    } | values
    return {name: json.dumps(value) if isinstance(value, dict) else value for name, value in data.items()}


def key_of(config: LLMConfig) -> Secret:
    return config.api_key.reveal(config.key_receiver)


def run_action(
    client: Client, action: str, *configs: Any, headers: dict[str, str] | None = None, **more: Any
) -> HttpResponse:
    data = {"action": action, "_selected_action": [config.pk for config in configs]} | more
    return client.post(url(CHANGELIST), data, follow=True, headers=headers)  # type: ignore[return-value]


def confirm(client: Client, page: str, *arguments: Any, **more: Any) -> Any:
    """Agrees to what the page shows, as a person does who presses its button."""
    shown = client.get(url(page, *arguments))
    seen = re.search(r'name="seen" value="([^"]*)"', shown.content.decode())
    assert seen, shown.status_code
    return client.post(url(page, *arguments), {"seen": seen[1]} | more, follow=True)


def messages(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]


def errors(response: Any) -> dict[str, list[str]]:
    """The form's errors by field; the page was answered without saving."""
    assert response.status_code == 200
    return dict(response.context["adminform"].form.errors)
