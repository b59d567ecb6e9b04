from __future__ import annotations

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db


def test_language_is_chosen_and_remembered(client: Client) -> None:
    answer = client.post("/language/", {"language": "ko", "next": "/login/"})

    assert answer["Location"] == "/login/"
    assert '<html lang="ko">' in client.get("/login/").text
    cookie = client.cookies["django_language"]
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")


def test_language_that_there_is_not_changes_nothing(client: Client) -> None:
    client.post("/language/", {"language": "xx", "next": "/login/"})

    assert '<html lang="en">' in client.get("/login/").text


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "/\\evil.example"])
def test_language_leads_to_no_other_host(client: Client, target: str) -> None:
    assert client.post("/language/", {"language": "ko", "next": target})["Location"] == "/"


def test_language_needs_the_token_of_a_form() -> None:
    client = Client(enforce_csrf_checks=True)

    assert client.post("/language/", {"language": "ko"}).status_code == 403


def test_language_of_the_other_is_offered_in_its_own_words(client: Client) -> None:
    assert 'value="ko" lang="ko">한국어</button>' in client.get("/login/").text
