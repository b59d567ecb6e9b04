from __future__ import annotations

from typing import Any

from cryptography.fernet import Fernet
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from llmbackends.secret import Secret

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
        make_config(f"more {number}", provider="vllm", api_key=Secret("sk-12345"))
    with CaptureQueriesContext(connection) as for_many:
        page(admin_client)

    assert len(for_many) == len(for_one)


def test_list_reads_no_key(admin_client: Client, make_config: MakeConfig, settings: Any) -> None:
    make_config(provider="vllm", api_key=Secret("sk-12345"))
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]

    assert "example" in page(admin_client)
