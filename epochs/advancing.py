"""Moving an epoch by hand; what watches the tables does it by itself."""

from __future__ import annotations

from typing import Final

from django.db import connections
from django.db.utils import DEFAULT_DB_ALIAS

from .subjects import Subject

# Microseconds since 1970, so that a database that was restored or emptied never repeats a number which a
# process may remember; and one more where the clock has not moved or went back.
NEXT_NUMBER: Final = {
    "postgresql": (
        "INSERT INTO epochs_epoch AS epoch (subject, number) "
        "VALUES ({subject}, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint) "
        "ON CONFLICT (subject) DO UPDATE SET number = greatest(epoch.number + 1, excluded.number)"
    ),
    "sqlite": (
        "INSERT INTO epochs_epoch (subject, number) "
        "VALUES ({subject}, CAST((julianday('now') - 2440587.5) * 86400000000.0 AS INTEGER)) "
        "ON CONFLICT (subject) DO UPDATE SET number = max(number + 1, excluded.number)"
    ),
}


def advance(subject: Subject, *, using: str = DEFAULT_DB_ALIAS) -> None:
    """Moves the epoch and locks its row until the transaction ends.

    Every change of what the subject watches takes this lock first, so it is the mutex of them all: who holds
    it and reads then, reads what nobody else can change before the transaction has ended.
    """
    connection = connections[using]
    with connection.cursor() as cursor:
        cursor.execute(NEXT_NUMBER[connection.vendor].format(subject="%s"), [subject.value])
