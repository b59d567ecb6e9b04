"""What the whole runs have in common: their arguments, and telling how far they are."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

Say = Callable[[str], None]


def teller() -> Say:
    """Prints with the seconds since now."""
    began_at = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began_at:6.1f} s  {text}", flush=True)

    return say


def arguments(description: str | None) -> argparse.Namespace:
    """`quick` or `report`, or neither."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument("--quick", action="store_true")
    kinds.add_argument("--report", action="store_true")
    return parser.parse_args()
