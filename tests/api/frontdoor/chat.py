"""A chat with the front door, as most of its tests begin one."""

from __future__ import annotations

from typing import Any

from tests.api.callers import Caller
from tests.api.sse import events_in

URL = "/v1/chat/completions"
HELLO: dict[str, Any] = {"model": "default", "messages": [{"role": "user", "content": "Hello"}]}
TOOL = {
    "type": "function",
    "function": {
        "name": "tide",
        "parameters": {"type": "object", "properties": {"port": {"type": "string"}}, "required": ["port"]},
    },
}


def streamed(caller: Caller, body: dict[str, Any], url: str = URL) -> list[Any]:
    """The JSON of all events; the end marker as it stands."""
    with caller.stream("POST", url, json={**body, "stream": True}) as response:
        assert response.status_code == 200, response.read()
        assert response.headers["content-type"].startswith("text/event-stream")
        lines = [line.replace("[DONE]", '"[DONE]"') for line in response.iter_lines()]
    return [event.data for event in events_in(lines) if event.name != ":"]
