"""A key with a marker goes through everything; the marker comes out nowhere but in the backend."""

from __future__ import annotations

import io
import logging
import traceback
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.core.management import call_command
from django.core.serializers import serialize
from django.db import connection
from django.test import Client

from audit.models import AuditEvent
from llmconfigs import activation, editing
from llmconfigs.active import active_backend, active_spec, close_backends
from llmconfigs.models import HealthNote, LLMConfig
from llmconfigs.specs import spec_from_config
from tests import servers
from tests.asyncio_support import run_async

from .actors import KIM
from .pages import (
    ACTIVATE,
    ADD,
    CHANGE,
    CHANGELIST,
    CLONE,
    DEACTIVATE,
    DELETE,
    ROLL_BACK,
    SWITCHED,
    TRY,
    confirm,
    form_data,
    key_of,
    run_action,
    url,
)

MARKER = "CANARY7f3a9"
KEY = f"sk-{MARKER}-0123456789wxyz"


@pytest.fixture
def config(admin_client: Client) -> LLMConfig:
    """Entered through the form, with an endpoint that refuses."""
    address = f"http://127.0.0.1:{servers.free_port()}"
    admin_client.post(url(ADD), form_data(provider="vllm", endpoint_url=address, api_key=KEY))
    config: LLMConfig = LLMConfig.objects.get()
    assert key_of(config).reveal() == KEY
    return config


def test_no_admin_page_shows_the_key(admin_client: Client, config: LLMConfig) -> None:
    change = url(CHANGE, config.pk)
    wrong = form_data(provider="groq", api_key=KEY, timeout_seconds=1, parameters="{")
    entered = form_data(provider="vllm", endpoint_url=config.endpoint_url, api_key=KEY)
    responses = [
        admin_client.get(url(CHANGELIST)),
        admin_client.get(url(CHANGELIST), {"q": MARKER[:4]}),
        admin_client.get(change),
        admin_client.post(change, wrong),
        admin_client.post(change, form_data(provider="vllm", api_key=KEY), follow=True),
        run_action(admin_client, "activate", config),
        confirm(admin_client, ACTIVATE, config.pk),
        confirm(admin_client, ACTIVATE, config.pk, reason="There is no service here."),
        admin_client.get(url(DEACTIVATE, config.pk)),
        admin_client.get(url(ROLL_BACK)),
        admin_client.get(url(SWITCHED)),
        admin_client.get(url(CLONE, config.pk)),
        admin_client.post(url(TRY, config.pk, "test"), wrong),
        admin_client.post(url(TRY, config.pk, "test"), entered),
        admin_client.post(url(TRY, config.pk, "models"), entered),
        run_action(admin_client, "test_connection", config),
        run_action(admin_client, "deactivate", config),
        admin_client.get(url("admin:llmconfigs_llmconfig_history", config.pk)),
        admin_client.get(url(DELETE, config.pk)),
        run_action(admin_client, "delete_selected", config),
        admin_client.get(url("admin:index")),
    ]

    assert [response.status_code for response in responses] == [200] * len(responses)
    assert not any(MARKER.encode() in response.content for response in responses)


def test_no_history_entry_shows_the_key(admin_client: Client, config: LLMConfig) -> None:
    admin_client.post(url(CHANGE, config.pk), form_data(provider="vllm", api_key=KEY))
    config.refresh_from_db()
    activation.activate(config, by=KIM, force_reason="There is no service here.")
    clone = editing.clone(config, name="copy", by=KIM)
    clone.options = {"path": "/other"}
    editing.change(clone, by=KIM)
    activation.deactivate(config, by=KIM)
    admin_client.post(url(DELETE, config.pk), {"post": "yes"})

    entries = [*LogEntry.objects.values(), *AuditEvent.objects.values(), *HealthNote.objects.values()]

    assert AuditEvent.objects.count() >= 7
    assert MARKER not in str(entries)


def test_no_log_record_shows_the_key(
    admin_client: Client, config: LLMConfig, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    activation.activate(config, by=KIM, force_reason="There is no service here.")
    run_action(admin_client, "test_connection", config)
    active_spec()
    call_command("llm", "list", stdout=io.StringIO())
    logging.getLogger("test").info("spec=%s config=%r", spec_from_config(config), vars(config))

    assert len(caplog.records) >= 3
    assert MARKER not in caplog.text
    assert not any(MARKER in str(vars(record)) for record in caplog.records)


def test_no_dump_and_no_query_shows_the_key(config: LLMConfig) -> None:
    output = io.StringIO()
    call_command("dumpdata", "llmconfigs", stdout=output)
    shown = [
        output.getvalue(),
        serialize("json", LLMConfig.objects.all()),
        serialize("xml", LLMConfig.objects.all()),
        str(list(LLMConfig.objects.values())),
        str(list(LLMConfig.objects.values_list())),
    ]

    assert not any(MARKER in text for text in shown)


def test_no_representation_shows_the_key(config: LLMConfig, db: None) -> None:
    spec = spec_from_config(config)
    LLMConfig.objects.update(is_active=True)

    shown: list[Any] = [config, config.api_key, vars(config), spec, active_spec()]

    assert not any(MARKER in f"{each!r} {each}" for each in shown)


def test_no_traceback_with_its_local_variables_shows_the_key(config: LLMConfig, settings: Any) -> None:
    settings.LLM_ALLOW_REMOTE = False
    LLMConfig.objects.update(is_active=True, provider="groq")

    with pytest.raises(Exception, match="remote") as caught:
        active_spec()

    trace = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    assert MARKER not in "".join(trace.format())


def test_database_holds_no_plain_key(config: LLMConfig) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM llmconfigs_llmconfig")
        rows = cursor.fetchall()

    assert len(rows) == 1
    assert MARKER not in str(rows)


@pytest.mark.django_db(transaction=True)
def test_lease_shows_no_key(config: LLMConfig) -> None:
    LLMConfig.objects.update(is_active=True)

    async def scenario() -> str:
        async with active_backend() as lease:
            shown = f"{lease!r} {lease.backend!r}"
        await close_backends()
        return shown

    assert MARKER not in run_async(scenario())
