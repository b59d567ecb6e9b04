from __future__ import annotations

from collections.abc import Callable

import pytest

from api.frontdoor import answering
from tests.api.callers import Caller
from tests.api.frontdoor.chat import HELLO, URL


def test_idle_stream_is_kept_open_by_comments(
    monkeypatch: pytest.MonkeyPatch, activate: Callable, member: Caller
) -> None:
    monkeypatch.setattr(answering, "HEARTBEAT_S", 0.05)
    activate(options={"text": "one two", "tokens_per_s": 2})

    with member.stream("POST", URL, json={**HELLO, "stream": True}) as response:
        lines = list(response.iter_lines())

    first, second = (next(i for i, line in enumerate(lines) if word in line) for word in ("one", "two"))
    assert lines[first:second].count(": waiting") >= 3
    assert ": waiting" not in lines[lines.index("data: [DONE]") :]
