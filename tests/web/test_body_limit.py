"""Who is not logged in cannot fill the disk: Django stores a body before anything looks at the request."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

LIMIT = 20_000
FORMS = ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]


def endless(size: int) -> Iterator[bytes]:
    yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="file"\r\n\r\n'
    yield from (b"x" * 1000 for _ in range(size // 1000))


@pytest.mark.parametrize("content_type", FORMS)
@pytest.mark.parametrize("is_announced", [True, False])
def test_body_above_the_limit_is_not_stored(
    server_url: str, settings: Any, monkeypatch: pytest.MonkeyPatch, content_type: str, is_announced: bool
) -> None:
    settings.API_MAX_BODY_BYTES = settings.DATA_UPLOAD_MAX_MEMORY_SIZE = LIMIT
    # What is longer than this goes into a file, for which there is no place here.
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * LIMIT
    monkeypatch.setattr(tempfile, "tempdir", "/does/not/exist")
    body = b"".join(endless(LIMIT * 50)) if is_announced else endless(LIMIT * 50)

    response = httpx.post(f"{server_url}/login/", content=body, headers={"Content-Type": content_type})

    assert response.status_code in (400, 403)
