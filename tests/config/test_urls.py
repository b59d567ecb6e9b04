from __future__ import annotations

from django.test import Client


def test_start_page_leads_to_the_admin() -> None:
    answer = Client().get("/")

    assert (answer.status_code, answer["Location"]) == (302, "/admin/")
