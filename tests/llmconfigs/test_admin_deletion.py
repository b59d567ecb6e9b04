from __future__ import annotations

from django.test import Client

from llmconfigs.models import LLMConfig

from .conftest import MakeConfig
from .pages import DELETE, messages, run_action, url

WARNING = "is the active configuration. Once it is deleted"


def test_confirmation_warns_of_the_active_row(admin_client: Client, make_config: MakeConfig) -> None:
    html = admin_client.get(url(DELETE, make_config("<mine>", is_active=True).pk)).content.decode()

    assert f"&lt;mine&gt; {WARNING}" in html
    assert LLMConfig.objects.exists()


def test_confirmation_does_not_warn_of_another_row(admin_client: Client, make_config: MakeConfig) -> None:
    html = admin_client.get(url(DELETE, make_config().pk)).content.decode()

    assert "Are you sure" in html
    assert WARNING not in html


def test_confirmation_of_several_warns_of_the_active_row(
    admin_client: Client, make_config: MakeConfig
) -> None:
    configs = [make_config("mine", is_active=True), make_config("other")]

    html = run_action(admin_client, "delete_selected", *configs).content.decode()

    assert html.count(WARNING) == 1
    assert f"mine {WARNING}" in html
    assert LLMConfig.objects.count() == 2


def test_confirmation_of_several_does_not_warn_without_the_active_row(
    admin_client: Client, make_config: MakeConfig
) -> None:
    html = run_action(admin_client, "delete_selected", make_config("a"), make_config("b")).content.decode()

    assert "Are you sure" in html
    assert WARNING not in html


def test_deleting_the_active_row_says_what_answers_now(admin_client: Client, make_config: MakeConfig) -> None:
    config = make_config(is_active=True)

    response = admin_client.post(url(DELETE, config.pk), {"post": "yes"}, follow=True)

    assert not LLMConfig.objects.exists()
    assert any(
        "No configuration is active now. In use: the environment" in each for each in messages(response)
    )


def test_deleting_several_with_the_active_row_says_what_answers_now(
    admin_client: Client, make_config: MakeConfig
) -> None:
    configs = [make_config("a", is_active=True), make_config("b")]

    response = run_action(admin_client, "delete_selected", *configs, post="yes")

    assert not LLMConfig.objects.exists()
    assert any("No configuration is active now." in each for each in messages(response))


def test_deleting_another_row_says_nothing_of_it(admin_client: Client, make_config: MakeConfig) -> None:
    config = make_config()

    response = admin_client.post(url(DELETE, config.pk), {"post": "yes"}, follow=True)

    assert not any("No configuration is active now." in each for each in messages(response))
