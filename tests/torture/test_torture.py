"""The short form of `make torture`: each kind of fault once, under a few hundred jobs."""

from __future__ import annotations

from pathlib import Path

import pytest

from .chamber import Chamber, Plan


@pytest.mark.processes
@pytest.mark.timeout(300)
def test_no_job_is_lost_or_doubled_whatever_fails(tmp_path: Path) -> None:
    books = Chamber(Plan(jobs=200, workers=2, concurrency=4, pause_s=0.5), tmp_path, print).run()

    assert not books.wrong, books.wrong[:10]
    assert len(books.counts["faults"]) == 7
