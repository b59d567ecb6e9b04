from __future__ import annotations

import re
from typing import Any

from cryptography.fernet import Fernet
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apikeys import issuing
from llmbackends.secret import Secret
from llmconfigs import health_notes
from llmconfigs.admin import columns
from llmconfigs.health_notes import Health
from tests.usage.entries import entry
from usage import records
from usage.selectors import ConfigUse

from .conftest import MakeConfig
from .pages import CHANGELIST, url


def page(client: Client, **query: str) -> str:
    response = client.get(url(CHANGELIST), query)
    assert response.status_code == 200
    return response.content.decode()


def test_list_shows_each_configuration(admin_client: Client, make_config: MakeConfig) -> None:
    make_config("first", provider="ollama", is_active=True)
    make_config("second", provider="vllm", model_name="some/model")

    html = page(admin_client)

    assert "icon-yes" in html
    assert "icon-no" in html
    assert all(text in html for text in ("first", "Ollama", "codellama:13b", "second", "vLLM", "some/model"))


def test_list_says_which_configuration_is_in_use(admin_client: Client, make_config: MakeConfig) -> None:
    make_config("mine", provider="ollama", model_name="llama3", is_active=True)

    assert "In use: mine (Ollama, llama3)" in page(admin_client)


def test_list_says_that_the_environment_is_in_use(admin_client: Client, settings: Any) -> None:
    settings.LLM_ENVIRONMENT = {"LLM_PROVIDER": "ollama"}

    assert "In use: the environment (Ollama, codellama:13b)" in page(admin_client)


def test_list_says_that_nothing_can_answer(admin_client: Client, settings: Any) -> None:
    settings.LLM_ENVIRONMENT = {"LLM_PROVIDER": "groq"}

    assert "Nothing can answer. No configuration is active" in page(admin_client)


def test_list_shows_a_provider_that_is_not_installed(admin_client: Client, make_config: MakeConfig) -> None:
    make_config("old", provider="nonesuch", options=["odd"])

    assert "nonesuch (not installed)" in page(admin_client)


def test_list_is_filtered_by_activity_and_provider(admin_client: Client, make_config: MakeConfig) -> None:
    make_config("first", provider="ollama", is_active=True)
    make_config("second", provider="vllm")

    active, vllm = page(admin_client, is_active__exact="1"), page(admin_client, provider="vllm")

    assert "first</a>" in active
    assert "second</a>" not in active
    assert "second</a>" in vllm
    assert "first</a>" not in vllm


def test_list_is_searched_by_name_model_and_endpoint(admin_client: Client, make_config: MakeConfig) -> None:
    make_config("needle")
    make_config("by-model", model_name="the-needle")
    make_config("by-endpoint", endpoint_url="http://needle:1")
    make_config("other")

    html = page(admin_client, q="needle")

    assert "3 LLM configurations" in html
    assert "other</a>" not in html


def test_list_makes_as_many_queries_for_many_rows_as_for_one(
    admin_client: Client, make_config: MakeConfig
) -> None:
    make_config("first", is_active=True)
    page(admin_client)  # what is read once in a process or session
    with CaptureQueriesContext(connection) as for_one:
        page(admin_client)

    for number in range(9):
        config = make_config(f"more {number}", provider="vllm", api_key=Secret("sk-12345"))
        health_notes.note(Health(config.pk, True, "It is up.", 0.1))
    with CaptureQueriesContext(connection) as for_many:
        page(admin_client)

    assert len(for_many) == len(for_one)


def test_list_shows_health_last_use_and_the_requests_of_today(
    admin_client: Client, make_config: MakeConfig
) -> None:
    well, sick, _unknown = make_config("a"), make_config("b"), make_config("c")
    health_notes.note(Health(well.pk, True, "It is up.", 0.1))
    health_notes.note(Health(sick.pk, False, "<It> is down."))
    key = issuing.issue(name="Client", scopes=["generate"]).key
    records.store([entry(key, config_id=well.pk, at=timezone.now()) for _ in range(3)])

    response = admin_client.get(url(CHANGELIST))
    table = response.content.decode().partition('id="result_list"')[2]
    rows = re.findall(r"<tr>.*?</tr>", table, flags=re.S)[-3:]

    assert "Healthy" in rows[0]
    assert "0\xa0minutes ago" in rows[0]
    assert ">3<" in rows[0]
    assert "Not healthy" in rows[1]
    assert "&lt;It&gt; is down." in rows[1]
    assert ">0<" in rows[2]
    assert "ago" not in rows[2].partition("field-last_changed")[0]


def test_requests_are_counted_up_to_a_bound(make_config: MakeConfig) -> None:
    assert columns.shown_requests(ConfigUse(None, 10_000, has_more=True)) == "more than 10000"
    assert columns.shown_requests(None) == "-"


def test_list_reads_no_key(admin_client: Client, make_config: MakeConfig, settings: Any) -> None:
    make_config(provider="vllm", api_key=Secret("sk-12345"))
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]

    assert "example" in page(admin_client)
