"""The public generators: names with a version, behind which any model may answer.

A new version is a new name: who asks for "text-v1" gets what that has always been.
"""

from __future__ import annotations

from typing import Final

DEFAULT: Final = "text-v1"


def generator_names() -> tuple[str, ...]:
    """Those that a client of the API and a user of the playground may choose, the default first."""
    return (DEFAULT,)
