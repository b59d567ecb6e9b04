"""How a database that is away shows itself."""

from __future__ import annotations

from typing import Final

from django.db import InterfaceError, OperationalError

DATABASE_DOWN: Final = (OperationalError, InterfaceError)
"""What a call raises when the database is away, restarted, out of connections or locked for too long."""
