"""What is rendered for a Korean reader is Korean, also where texts come from elsewhere or late."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from django.contrib.admin import site
from django.contrib.auth.models import User
from django.test import Client
from django.urls import get_resolver

from .korean_pages import (
    LANGUAGE,
    NO_PAGES,
    PAGES,
    PAGES_OF_STRANGERS,
    POSTS,
    english_in,
    fill,
    row_of,
    url_of,
)
from .markup import read_texts

pytestmark = pytest.mark.django_db
HEADERS = {"accept-language": LANGUAGE}


@pytest.fixture
def rows() -> Mapping[str, Any]:
    return fill()


@pytest.fixture
def browser() -> Client:
    client = Client(headers=HEADERS)
    client.force_login(User.objects.create_superuser("관리자"))
    return client


def english_of(response: Any, status: int = 200) -> list[str]:
    assert response.status_code == status
    return english_in([each.text for each in read_texts(response.content.decode(), language=LANGUAGE)])


def test_no_page_is_forgotten() -> None:
    lists = {f"admin:{each._meta.app_label}_{each._meta.model_name}_changelist" for each in site._registry}
    pages = {f"web:{name}" for name in get_resolver("web.urls").reverse_dict if isinstance(name, str)}

    assert sorted((lists | pages) - {*PAGES, *PAGES_OF_STRANGERS, *NO_PAGES}) == []


@pytest.mark.parametrize("page", PAGES)
def test_page_is_in_korean(page: str, browser: Client, rows: Mapping[str, Any]) -> None:
    assert english_of(browser.get(url_of(page, rows))) == []


@pytest.mark.parametrize("page", PAGES_OF_STRANGERS)
def test_page_for_strangers_is_in_korean(page: str) -> None:
    assert english_of(Client(headers=HEADERS).get(url_of(page, {}))) == []


@pytest.mark.parametrize(("page", "sent"), POSTS)
def test_answer_is_in_korean(
    page: str, sent: dict[str, Any], browser: Client, rows: Mapping[str, Any]
) -> None:
    selected = {"_selected_action": [row_of(page, rows).pk]}

    assert english_of(browser.post(url_of(page, rows), selected | sent, follow=True)) == []


def test_page_that_is_not_there_says_so_in_korean(browser: Client) -> None:
    assert english_of(browser.get("/admin/no-such-page/"), 404) == []


def test_page_that_is_not_allowed_says_so_in_korean(rows: Mapping[str, Any]) -> None:
    client = Client(headers=HEADERS)
    client.force_login(rows["auth.user"])

    assert english_of(client.get(url_of("admin:llmconfigs_llmconfig_changelist", rows)), 403) == []


def test_form_without_its_token_is_refused_in_korean() -> None:
    client = Client(headers=HEADERS, enforce_csrf_checks=True)

    assert english_of(client.post(url_of("web:login", {})), 403) == []
