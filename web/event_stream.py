"""Server-sent events of pages: https://html.spec.whatwg.org/multipage/server-sent-events.html"""

from __future__ import annotations

import json
from collections.abc import AsyncIterable
from typing import Any

from django.http import StreamingHttpResponse

HEARTBEAT_S = 15.0
HEARTBEAT = b": waiting\n\n"


def event(name: str, data: dict[str, Any]) -> bytes:
    # In ASCII nothing is left that a client could take for the end of the line, such as U+2028.
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()


def stream_response(events: AsyncIterable[bytes]) -> StreamingHttpResponse:
    response = StreamingHttpResponse(events, content_type="text/event-stream; charset=utf-8")
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"  # nginx would hold the events back
    return response
