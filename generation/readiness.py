"""Whether this process could accept a job and hand it to a model; no model is called to find out."""

from __future__ import annotations

from dataclasses import dataclass

import structlog
from django.db import Error, connection

from llmbackends.errors import ConfigurationError
from llmconfigs.active import active_spec

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Readiness:
    """`configuration`: the active row, else the environment, describes a backend that could be built."""

    database: bool
    configuration: bool


def check_readiness() -> Readiness:
    return Readiness(database=_database_answers(), configuration=_configuration_is_usable())


def _database_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error as error:
        log.error("not_ready", part="database", error=str(error))
        return False
    return True


def _configuration_is_usable() -> bool:
    try:
        active_spec()
    except ConfigurationError as error:
        log.error("not_ready", part="configuration", error=error.message)
        return False
    return True
