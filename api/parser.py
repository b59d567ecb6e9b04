"""How ninja reads bodies: as strictly as the doors beside it."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja.parser import Parser

from . import json_bodies


class StrictParser(Parser):
    def parse_body(self, request: HttpRequest) -> Any:
        """Raises ApiError."""
        json_bodies.require_json(request.headers.get("content-type", ""))
        return json_bodies.parse(request.body)
