"""What can go wrong at the desk of generators: writing, publishing and choosing versions.

DeskError
├── GeneratorGone             the row was deleted in the meantime
├── GeneratorChangedMeanwhile it is no longer what the caller has seen
├── AlreadyPublished          a published version is never changed nor deleted
├── NotPublished              a draft can be neither retired nor brought back, nor be current
├── NotActive                 a retired version cannot be current
├── IsCurrent                 others are active: make one of them current before this one retires
├── TooManyVersions           no number is left for the name
└── CannotWork                what it says could not be carried out
"""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext as _


class DeskError(Exception):
    """The message is for staff, in the language of who asked."""


class GeneratorGone(DeskError):
    def __init__(self, name: str) -> None:
        super().__init__(_("“%(name)s” is not there any more.") % {"name": name})


class GeneratorChangedMeanwhile(DeskError):
    def __init__(self, name: str) -> None:
        text = _("“%(name)s” has been changed by somebody else in the meantime. Look at it again.")
        super().__init__(text % {"name": name})


class AlreadyPublished(DeskError):
    def __init__(self, name: str) -> None:
        text = _("“%(name)s” is published, so it is never changed nor deleted. Draft its next version.")
        super().__init__(text % {"name": name})


class NotPublished(DeskError):
    def __init__(self, name: str) -> None:
        super().__init__(_("“%(name)s” is a draft. Publish it first.") % {"name": name})


class NotActive(DeskError):
    def __init__(self, name: str) -> None:
        super().__init__(_("“%(name)s” is retired. Bring it back first.") % {"name": name})


class IsCurrent(DeskError):
    def __init__(self, name: str) -> None:
        text = _("“%(name)s” is the current version. Make another one current before this one retires.")
        super().__init__(text % {"name": name})


class TooManyVersions(DeskError):
    def __init__(self, name: str) -> None:
        super().__init__(_("There can be no more versions of “%(name)s”.") % {"name": name})


class CannotWork(DeskError):
    def __init__(self, name: str, problems: Sequence[str]) -> None:
        text = _("“%(name)s” cannot work as it is. %(reasons)s")
        super().__init__(text % {"name": name, "reasons": " ".join(problems)})


class Unreadable(DeskError):
    """The message says what is wrong with the file."""
