from __future__ import annotations

from typing import Final

DEFAULT_NAME: Final = "text-v1"
"""What a client gets who names no generator: with its version, so that it stays what it has always been."""
