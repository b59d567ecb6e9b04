"""What is rendered for a Korean reader is Korean, also where texts come from elsewhere or late."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from django.contrib.admin import AdminSite
from django.contrib.auth.models import User
from django.db import transaction
from django.template.loader import render_to_string
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import translation

from generation.models import JobStatus
from tests.web.browsers import log_in
from tests.web.routes import Route, all_routes

from .korean_pages import (
    LANGUAGE,
    NO_PAGES,
    PAGES,
    PAGES_OF_STRANGERS,
    PAGES_UNDER_TWO,
    PAGES_WITH_NOTHING,
    POSTS,
    SEEN,
    english_in,
    fill,
    job_with,
    name_of,
    row_of,
    url_of,
)
from .markup import read_texts

pytestmark = pytest.mark.django_db
HEADERS = {"accept-language": LANGUAGE}


@pytest.fixture(scope="module")
def admin(django_db_setup: None, django_db_blocker: Any) -> Iterator[User]:
    """With the rows, in a transaction around those of all these tests: each of them leaves it as it was."""
    around = transaction.atomic()
    around._from_testcase = True  # type: ignore[attr-defined]  (what has to be the outermost block may be in it)
    with django_db_blocker.unblock():
        around.__enter__()
        admin = User.objects.create_superuser("관리자")
    yield admin
    with django_db_blocker.unblock():
        transaction.set_rollback(True)
        around.__exit__(None, None, None)


@pytest.fixture(scope="module")
def rows(admin: User, django_db_blocker: Any) -> Mapping[str, Any]:
    with django_db_blocker.unblock():
        return fill(admin)


@pytest.fixture
def browser(admin: User) -> Client:
    return browser_of(admin)


def browser_of(user: User) -> Client:
    client = Client(headers=HEADERS)
    log_in(client, user)
    return client


def english_of(response: Any, *statuses: int) -> list[str]:
    assert response.status_code in (statuses or (200,))
    return english_in([each.text for each in read_texts(response.content.decode(), language=LANGUAGE)])


def test_no_page_is_forgotten() -> None:
    ours = {route.name for route in all_routes() if route.name.startswith("web:") or is_ours_in_admin(route)}
    known = {*PAGES, *PAGES_OF_STRANGERS, *NO_PAGES, *(page for page, _sent in POSTS)}

    assert sorted(ours - set(map(name_of, known))) == []


def is_ours_in_admin(route: Route) -> bool:
    """The list of each model, and what is none of Django's pages."""
    model_admin = route.model_admin
    if model_admin is None:
        return route.name.startswith("admin:") and getattr(AdminSite, route.name[6:], None) is None
    page = route.name.removeprefix(f"admin:{model_admin.opts.app_label}_{model_admin.opts.model_name}_")
    return page not in ("add", "change", "delete", "history") and "object_id" not in page


@pytest.mark.parametrize("page", PAGES)
def test_page_is_in_korean(page: str, browser: Client, rows: Mapping[str, Any]) -> None:
    assert english_of(browser.get(url_of(page, rows))) == []


@pytest.mark.parametrize("page", PAGES_UNDER_TWO)
def test_page_under_the_two_person_rule_is_in_korean(
    page: str, browser: Client, rows: Mapping[str, Any], settings: Any
) -> None:
    settings.ACTIVATION_NEEDS_TWO = True

    assert english_of(browser.get(url_of(page, rows))) == []


@pytest.mark.parametrize("status", JobStatus)
def test_page_of_a_job_is_in_korean(status: JobStatus, browser: Client, rows: Mapping[str, Any]) -> None:
    job = job_with(rows["apikeys.apikey"], status, rows["llmconfigs.llmconfig"])

    assert english_of(browser.get(reverse("web:job", args=[job.pk]))) == []


@pytest.mark.parametrize("page", PAGES_WITH_NOTHING)
def test_page_with_nothing_on_it_is_in_korean(page: str, rows: Mapping[str, Any]) -> None:
    assert english_of(browser_of(rows["auth.user"]).get(url_of(page, rows))) == []


@pytest.mark.parametrize("page", PAGES_OF_STRANGERS)
def test_page_for_strangers_is_in_korean(page: str) -> None:
    assert english_of(Client(headers=HEADERS).get(url_of(page, {}))) == []


@pytest.mark.parametrize(("page", "sent"), POSTS)
def test_answer_is_in_korean(
    page: str, sent: dict[str, Any], browser: Client, rows: Mapping[str, Any]
) -> None:
    url = url_of(page, rows)
    if "action" in sent:
        sent = sent | {"_selected_action": [row_of(page, rows).pk]}
    elif sent == SEEN:
        sent = {"seen": seen_in(browser.get(url).content.decode())}

    assert english_of(browser.post(url, sent, follow=True), 200, 422) == []


def seen_in(html: str) -> str:
    found = re.search(r'name="seen" value="([^"]*)"', html)
    assert found
    return found[1]


def test_page_that_is_not_there_says_so_in_korean(browser: Client) -> None:
    assert english_of(browser.get("/admin/no-such-page/"), 404) == []


def test_page_that_is_not_allowed_says_so_in_korean(rows: Mapping[str, Any]) -> None:
    client = browser_of(rows["auth.user"])

    assert english_of(client.get(url_of("admin:llmconfigs_llmconfig_changelist", rows)), 403) == []


def test_form_without_its_token_is_refused_in_korean() -> None:
    client = Client(headers=HEADERS, enforce_csrf_checks=True)

    assert english_of(client.post(url_of("web:login", {})), 403) == []


def test_login_that_fails_and_one_that_is_locked_say_so_in_korean(settings: Any) -> None:
    client, wrong = Client(headers=HEADERS), {"username": "관리자", "password": "1"}
    answers = [client.post(url_of("web:login", {}), wrong) for _ in range(settings.LOGIN_ATTEMPTS)]

    assert english_of(answers[0]) == []
    assert english_of(answers[-1], 429) == []


def test_host_that_is_not_ours_is_refused_in_korean() -> None:
    assert english_of(Client(headers=HEADERS | {"host": "evil.example"}).get("/login/"), 400) == []


def test_page_of_an_error_is_in_korean() -> None:
    with translation.override(LANGUAGE):
        html = render_to_string("500.html", request=RequestFactory().get("/"))

    assert english_in([each.text for each in read_texts(html, language=LANGUAGE)]) == []
