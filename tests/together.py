"""Tests that run one after the other in one worker of pytest-xdist: modules with the same `xdist_group`.

In place of its own loadgroup: pytest-xdist 3.8 writes the group where pytest 9.2 does not look any more, so
that it keeps nothing together.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from xdist.scheduler.loadscope import LoadScopeScheduling

ROOT = Path(__file__).resolve().parent.parent
_GROUP = re.compile(r'^pytestmark\b.*xdist_group\("([\w-]+)"\)', re.MULTILINE)


class ByGroup(LoadScopeScheduling):
    def _split_scope(self, nodeid: str) -> str:
        """Every test that is in no group is one of its own."""
        return group_of(nodeid.partition("::")[0]) or nodeid


@cache
def group_of(module: str) -> str | None:
    """module: its path from the root."""
    found = _GROUP.search((ROOT / module).read_text())
    return found[1] if found else None
