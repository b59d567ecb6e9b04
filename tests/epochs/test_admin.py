from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from epochs.advancing import advance
from epochs.subjects import Subject
from tests.epochs.support import number_of, stored

pytestmark = pytest.mark.django_db
LIST = reverse("admin:epochs_process_changelist")


def test_list_shows_the_processes_and_nothing_to_change(admin_client: Client) -> None:
    stored(host="gpu-box-7")

    page = admin_client.get(LIST).content.decode()

    assert "gpu-box-7" in page
    assert admin_client.get(reverse("admin:epochs_process_add")).status_code == 403
    assert "addlink" not in page.partition("content-main")[2]


def test_list_shows_only_processes_that_reported_themselves_a_moment_ago(admin_client: Client) -> None:
    stored(host="here", seen_s_ago=50)
    stored(host="long-gone", seen_s_ago=70)

    page = admin_client.get(LIST).content.decode()

    assert "here" in page
    assert "long-gone" not in page


def test_list_says_who_has_converged(admin_client: Client) -> None:
    advance(Subject.CONFIGS)
    advance(Subject.KEYS)
    newest = {"configs_epoch": number_of(Subject.CONFIGS), "keys_epoch": number_of(Subject.KEYS)}
    stored(**newest)
    stored(**newest | {"keys_epoch": 1})

    page = admin_client.get(LIST).content.decode()

    assert (page.count("icon-yes"), page.count("icon-no")) == (1, 1)


def test_list_takes_the_same_queries_for_many_processes(
    admin_client: Client, django_assert_num_queries: Any
) -> None:
    with CaptureQueriesContext(connection) as few:
        admin_client.get(LIST)
    for _ in range(5):
        stored()

    with django_assert_num_queries(len(few)):
        admin_client.get(LIST)


def test_list_is_for_staff(client: Client) -> None:
    assert client.get(LIST).status_code == 302
