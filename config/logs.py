"""Logs: one event a line, as JSON or for a person's eyes, from structlog and the standard library alike."""

from __future__ import annotations

import logging.config
import sys
from typing import Any, TypedDict

import structlog


class LogSettings(TypedDict):
    level: str
    format: str


def configure(settings: LogSettings) -> None:
    """Django's LOGGING_CONFIG: called once at start with settings.LOGGING."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.ExtraAdder(),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared[:-1],
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    logging.config.dictConfig(_standard_library(settings, shared))


def _standard_library(settings: LogSettings, shared: list[Any]) -> dict[str, Any]:
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "lines": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": shared,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    *_renderers(settings["format"]),
                ],
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "lines"}},
        "root": {"level": settings["level"], "handlers": ["stderr"]},
        "loggers": {
            # Their lines at INFO would drown what matters.
            name: {"level": "WARNING"}
            for name in ("httpx", "httpcore", "asyncio", "django.request", "uvicorn.error", "uvicorn.access")
        },
    }


def _renderers(log_format: str) -> list[Any]:
    if log_format == "json":
        # Never with local variables, as is structlog's default: they hold keys and prompts.
        tracebacks = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        return [structlog.processors.ExceptionRenderer(tracebacks), structlog.processors.JSONRenderer()]
    renderer = structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
    )
    return [renderer]
