from __future__ import annotations

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from config.middleware import RequestIdMiddleware


def answer(**headers: str) -> tuple[HttpRequest, HttpResponse]:
    request = RequestFactory().get("/", headers=headers)
    response = RequestIdMiddleware(lambda _request: HttpResponse())(request)
    assert isinstance(response, HttpResponse)
    return request, response


def test_request_id_of_the_caller_is_kept() -> None:
    request, response = answer(**{"X-Request-ID": "abc-123"})

    assert response["X-Request-ID"] == request.request_id == "abc-123"  # type: ignore[attr-defined]


@pytest.mark.parametrize("offered", ["", "a b", "x" * 65, "a\nb", "<script>"])
def test_request_id_that_could_do_harm_is_replaced(offered: str) -> None:
    _, response = answer(**{"X-Request-ID": offered})

    assert response["X-Request-ID"] != offered
    assert len(response["X-Request-ID"]) == 32
