from __future__ import annotations

from tests.together import ROOT, group_of


def test_no_group_is_overlooked() -> None:
    modules = [path for path in (ROOT / "tests").rglob("test_*.py") if path.name != "test_together.py"]
    marked = [str(path.relative_to(ROOT)) for path in modules if "mark.xdist_group(" in path.read_text()]

    assert marked
    assert [path for path in marked if group_of(path) is None] == []
