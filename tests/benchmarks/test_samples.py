from __future__ import annotations

from benchmarks.growth import statements_in
from benchmarks.samples import Spread, spread


def test_spread_tells_the_median_and_the_tail_in_milliseconds() -> None:
    seconds = [number / 1000 for number in range(101)]

    assert spread(list(reversed(seconds))) == Spread(101, 50.0, 95.0, 99.0)


def test_spread_of_nothing_is_zero() -> None:
    assert spread([]) == Spread(0, 0, 0, 0)


def test_statements_are_counted_once_each_whatever_their_form() -> None:
    log = b"""\
SQL LOG:  statement: BEGIN
SQL LOG:  execute <unnamed>: INSERT INTO usage
\tVALUES (1)
SQL DETAIL:  Parameters: $1 = 'SQL LOG:  statement: '
SQL LOG:  execute _pg3_1: SELECT 1
SQL LOG:  checkpoint starting: time
SQL LOG:  statement: COMMIT
"""

    assert statements_in(log) == 4
