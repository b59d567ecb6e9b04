"""Backends on toy models."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from llmbackends import registry
from llmbackends.base import ChatBackend
from llmbackends.spec import BackendSpec
from llmbackends.types import ChatRequest, Message, Sampling, Tool

CITY_TOOL = Tool(
    "get_weather",
    parameters={
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
        "required": ["city", "days"],
    },
)
TIME_TOOL = Tool("get_time", "The time.", {"type": "object", "properties": {}})


def local_spec(path: Path, *, options: dict[str, Any] | None = None, **changes: Any) -> BackendSpec:
    all_options = {"model_path": str(path), "threads": 1, **(options or {})}
    return BackendSpec(**{"provider": "local-llm", "model": "", "options": all_options, **changes})


@asynccontextmanager
async def local_backend(path: Path, **changes: Any) -> AsyncIterator[ChatBackend]:
    backend = registry.build(local_spec(path, **changes))
    try:
        yield backend
    finally:
        await backend.aclose()


def asking(text: str = "Say hello.", **sampling: Any) -> ChatRequest:
    return ChatRequest(messages=(Message("user", text),), sampling=Sampling(**sampling))
