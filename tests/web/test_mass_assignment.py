"""A form takes what it offers and nothing else, whatever is sent with it."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.options import ModelAdmin
from django.contrib.auth.models import Group, User
from django.db import models
from django.forms import ModelForm
from django.http import HttpRequest
from django.test import Client
from django.urls import reverse

from apikeys.models import ApiKey
from generators.models import Generator
from llmconfigs.models import LLMConfig

from .browsers import browser_of, superuser
from .html import Form, Page
from .samples import Samples

pytestmark = pytest.mark.django_db

OURS = (
    "web",
    "llmconfigs",
    "apikeys",
    "generators",
    "generation",
    "usage",
    "audit",
    "epochs",
    "api",
    "config",
)
# Of these a form that offered one would be wrong, however it is guarded.
NEVER_OFFERED = {
    *(
        "id",
        "number",
        "version",
        "is_active",
        "status",
        "created_at",
        "updated_at",
        "revoked_at",
        "last_used_at",
    ),
    *("prefix", "digest", "previous_digest", "user", "owner", "is_staff", "is_superuser", "lease_owner"),
}
# What the empty form of "add" needs to be valid.
ADDED: dict[type[models.Model], dict[str, Any]] = {
    LLMConfig: {"name": "added", "provider": "dummy"},
    ApiKey: {"name": "added"},
    Generator: {"name": "added"},
    Group: {"name": "added"},
    User: {"username": "added", "password1": "a-password-4711", "password2": "a-password-4711"},
}
# They count and tell changes, so another value than before is right, if it is not the one that was sent.
KEEP_ACCOUNT = {"version", "updated_at"}


def model_admins(permission: str) -> list[ModelAdmin[Any]]:
    request = HttpRequest()
    request.user = User(is_superuser=True, is_staff=True)
    return [
        each
        for each in admin.site._registry.values()
        if getattr(each, f"has_{permission}_permission")(request)
    ]


def all_forms(base: type[Any] = ModelForm) -> Iterator[type[Any]]:
    for form in base.__subclasses__():
        if form.__module__.split(".")[0] in OURS:
            yield form
        yield from all_forms(form)


def page_name(model_admin: ModelAdmin[Any]) -> str:
    return f"admin:{model_admin.opts.app_label}_{model_admin.opts.model_name}"


def form_of(model_admin: ModelAdmin[Any], page: Page) -> Form:
    """About the row; the page has others, such as that of the language."""
    name = f"{model_admin.opts.model_name}_form"
    [form] = [form for form in page.forms if form.attributes.get("id") == name]
    return form


def forged(model: type[models.Model], names: set[str]) -> dict[str, str]:
    """Another value for each of the model's columns of which the form has no field."""
    fields = {name.removesuffix("_0").removesuffix("_1") for name in names}
    return {
        field.name: _forged_value(field)
        for field in model._meta.concrete_fields
        if field.name not in fields and not field.primary_key
    }


def _forged_value(field: Any) -> str:
    if isinstance(field, models.BooleanField):
        return "on"
    if isinstance(field, models.DateTimeField):
        return "2001-02-03 04:05:06"
    if isinstance(field, models.JSONField):
        return json.dumps(["forged"])
    return "4711" if isinstance(field, (models.IntegerField, models.ForeignKey)) else "forged"


def state(row: models.Model, names: Any) -> dict[str, Any]:
    row.refresh_from_db()
    return {name: _plain(getattr(row, name)) for name in names}


def _plain(value: Any) -> Any:
    return value.isoformat(" ", "seconds")[:19] if isinstance(value, datetime.datetime) else str(value)


@pytest.fixture
def browser() -> Client:
    return browser_of(superuser())


@pytest.mark.parametrize("model_admin", model_admins("change"), ids=lambda each: each.opts.model_name)
def test_change_takes_nothing_that_is_not_offered(browser: Client, model_admin: ModelAdmin[Any]) -> None:
    row = Samples().get(model_admin.model)
    address = reverse(f"{page_name(model_admin)}_change", args=[row.pk])
    form = form_of(model_admin, Page(browser.get(address)))
    sent = forged(model_admin.model, form.names)
    before = state(row, sent)

    response = browser.post(address, {**sent, **form.values, "_continue": "yes"})

    assert response.status_code == 302, Page(response).text
    after = state(row, sent)
    assert {name: after[name] for name in sent if name not in KEEP_ACCOUNT} == {
        name: before[name] for name in sent if name not in KEEP_ACCOUNT
    }
    assert not [name for name in sent if name in KEEP_ACCOUNT and after[name] == sent[name]]


@pytest.mark.parametrize("model_admin", model_admins("add"), ids=lambda each: each.opts.model_name)
def test_add_takes_nothing_that_is_not_offered(browser: Client, model_admin: ModelAdmin[Any]) -> None:
    address = reverse(f"{page_name(model_admin)}_add")
    form = form_of(model_admin, Page(browser.get(address)))
    sent = forged(model_admin.model, form.names)
    known = set(model_admin.model._default_manager.values_list("pk", flat=True))

    response = browser.post(address, {**sent, **form.values, **ADDED[model_admin.model]})

    [row] = model_admin.model._default_manager.exclude(pk__in=known)
    assert response.status_code < 400
    after = state(row, sent)
    taken = {name for name, value in sent.items() if after[name] == ("True" if value == "on" else value)}
    assert taken == {name for name in taken if row._meta.get_field(name).default is True}


@pytest.mark.parametrize("form", list(all_forms()), ids=lambda form: form.__name__)
def test_form_names_its_fields_and_none_that_is_not_for_people(form: type[Any]) -> None:
    assert isinstance(form._meta.fields, (list, tuple))
    assert not NEVER_OFFERED & set(form.base_fields)
