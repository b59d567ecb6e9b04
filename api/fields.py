"""What the fields of several bodies have in common."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

NO_NUL: JsonDict = {"pattern": r"^[^\u0000]*$"}


class Strict(BaseModel):
    """A body, or a part of one: unknown fields and wrong types are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def without_nul(text: str) -> str:
    if "\x00" in text:
        raise PydanticCustomError("nul", "it holds a NUL character, which is not allowed in text")
    return text


def whole(number: Any) -> Any:
    """To JSON, and to its schemas, 3.0 is the same number as 3."""
    return int(number) if isinstance(number, float) and number.is_integer() else number
