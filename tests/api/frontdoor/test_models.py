from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from tests.api.callers import Caller


def test_models_lists_the_alias_alone(member: Caller) -> None:
    answer = member.get("/v1/models").json()

    assert answer["object"] == "list"
    assert [(model["id"], model["object"], model["owned_by"]) for model in answer["data"]] == [
        ("default", "model", "changeover")
    ]


def test_model_is_found_by_its_alias(member: Caller) -> None:
    assert member.get("/v1/models/default").json() == member.get("/v1/models").json()["data"][0]


def test_other_model_is_404(member: Caller) -> None:
    response = member.get("/v1/models/llama")

    assert (response.status_code, response.json()["error"]["code"]) == (404, "model_not_found")


def test_models_need_a_key(anonymous: httpx.Client) -> None:
    assert anonymous.get("/v1/models").status_code == 401


def test_models_take_a_key_that_may_only_read(call_as: Callable[..., Caller]) -> None:
    assert call_as("read").get("/v1/models").status_code == 200


def test_models_cannot_be_written(member: Caller) -> None:
    response = member.post("/v1/models", json={})

    assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    ("path", "status"), [("/v1/models", 200), ("/v1/models/default", 200), ("/v1/models/llama", 404)]
)
def test_head_of_models_is_that_of_get_without_the_body(member: Caller, path: str, status: int) -> None:
    got, headed = member.get(path), member.head(path)

    names = ("content-type", "content-length")
    assert got.status_code == headed.status_code == status
    assert [headed.headers[name] for name in names] == [got.headers[name] for name in names]
    assert (headed.content, got.content != b"") == (b"", True)


def test_connection_is_good_for_more_after_head(member: Caller) -> None:
    heads = [member.head("/v1/models").status_code for _ in range(3)]

    assert (heads, member.get("/v1/models").status_code) == ([200] * 3, 200)


def test_head_of_models_needs_a_key(anonymous: httpx.Client) -> None:
    response = anonymous.head("/v1/models")

    assert (response.status_code, response.content) == (401, b"")


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/default"])
@pytest.mark.parametrize("method", ["OPTIONS", "PUT", "DELETE"])
def test_models_take_no_other_method(member: Caller, method: str, path: str) -> None:
    response = member.request(method, path)

    assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD")
    assert response.json()["error"]["code"] == "method_not_allowed"
