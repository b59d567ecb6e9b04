"""The query of a URL."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from pydantic import BaseModel, Field

from .errors import ApiError


def cursor_field(pattern: str) -> Any:
    """Of a list in pages; `pattern`: of the cursors that its selector gives."""
    return Field(
        None,
        description="The `next_cursor` of the page before.",
        max_length=100,
        json_schema_extra={"pattern": pattern},
    )


def refuse_stray_parameters(request: HttpRequest, known: type[BaseModel]) -> None:
    """Raises ApiError for a parameter that `known` has no field for, or that is given twice: it would go
    unnoticed, and the answer be another than the one that was asked for."""
    names = [field.alias or name for name, field in known.model_fields.items()]
    for name, values in request.GET.lists():
        if name not in names or len(values) > 1:
            raise ApiError(
                "invalid_request",
                f"The parameters are: {', '.join(names)}. Give each once.",
                param=name[:100],
            )
