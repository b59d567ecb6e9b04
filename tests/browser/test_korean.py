"""Pages in Korean: words stay whole."""

from __future__ import annotations

import pytest
from django.urls import reverse

from .conftest import Open
from .people import make_user


@pytest.mark.parametrize("where", ["#changelist-filter a", "#changelist-search .help", "main h1"])
def test_korean_breaks_lines_between_words(open_window: Open, where: str) -> None:
    page = open_window(make_user("admin", is_superuser=True), locale="ko-KR").page
    page.goto(reverse("admin:webhooks_webhookdelivery_changelist"))

    style = page.locator(where).first.evaluate("each => getComputedStyle(each).wordBreak")
    assert style == "keep-all"
