"""Why nothing can be said about the epochs."""

from __future__ import annotations


class EpochsUnknown(Exception):
    """The database cannot be read, and what was known of it is too old to go by, or nothing ever was."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)
