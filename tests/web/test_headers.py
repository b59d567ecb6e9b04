"""What every answer tells a browser that it may not do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

pytestmark = pytest.mark.django_db
POLICY = {
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
    "object-src 'none'",
}
INLINE = re.compile(
    r"<style|<script(?![^>]*(?: src=|application/json))|\sstyle=|\son[a-z]+=|javascript:", re.IGNORECASE
)
LOADED = re.compile(r'<(?:script|link|img|iframe)[^>]*(?:src|href)="([^"]+)"')
STRANGERS_PAGES = ["/login/", "/no/such/page/", "/static/changeover/theme.css", "/static/no-such-file", "/"]


def policy_of(answer: object) -> set[str]:
    return set(answer["Content-Security-Policy"].split("; "))  # type: ignore[index]


@pytest.mark.parametrize("path", STRANGERS_PAGES)
def test_answer_to_a_stranger_has_the_headers(client: Client, path: str) -> None:
    answer = client.get(path)
    answer.close()  # a file, of static ones

    assert policy_of(answer) == POLICY
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Referrer-Policy"] == "same-origin"
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "camera=()" in answer["Permissions-Policy"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("get", "/admin/", 302),
        ("post", "/login/", 200),
        ("get", "/logout/", 405),
        ("post", "/language/", 302),
    ],
)
def test_answer_of_every_kind_has_the_policy(client: Client, method: str, path: str, status: int) -> None:
    answer = getattr(client, method)(path)

    assert (answer.status_code, policy_of(answer)) == (status, POLICY)


def test_error_of_ours_has_the_policy(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    client.raise_request_exception = False
    monkeypatch.setattr("web.accounts.redirect", None)

    answer = client.get("/")

    assert (answer.status_code, policy_of(answer)) == (500, POLICY)


def admin_pages() -> list[str]:
    names = ["index", "jsi18n", "desk"]
    for model in admin.site._registry:
        kind = f"{model._meta.app_label}_{model._meta.model_name}"
        names += [f"{kind}_changelist", f"{kind}_add"]
    return [reverse(f"admin:{name}") for name in names]


@pytest.mark.parametrize("path", admin_pages())
def test_page_of_the_admin_has_the_policy_and_nothing_inline(admin_client: Client, path: str) -> None:
    answer = admin_client.get(path)

    assert policy_of(answer) == POLICY
    assert "html" not in answer["Content-Type"] or not INLINE.findall(answer.text)


def test_page_of_a_row_has_nothing_inline(admin_client: Client, admin_user: User) -> None:
    for name in ("change", "history", "delete"):
        html = admin_client.get(reverse(f"admin:auth_user_{name}", args=[admin_user.pk])).text

        assert not INLINE.findall(html), name


def test_template_has_nothing_inline() -> None:
    found = {
        path: INLINE.findall(re.sub(r"{%.*?%}|{{.*?}}|{#.*?#}", "", path.read_text()))
        for path in Path(settings.BASE_DIR, "templates").rglob("*.html")
    }

    assert not {path: inline for path, inline in found.items() if inline}


def test_page_loads_nothing_from_elsewhere(admin_client: Client) -> None:
    for path in ("/password/", "/admin/", "/no/such/page/"):
        loaded = LOADED.findall(admin_client.get(path).text)

        assert loaded
        assert all(url.startswith("/static/") or url.startswith("/admin/jsi18n/") for url in loaded), loaded
