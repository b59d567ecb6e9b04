"""How a process that serves, or works, uses its time."""

from __future__ import annotations

import gc
import sys


def tune() -> None:
    """Call it when all is loaded. Measured with py-spy and `make bench` on a busy process.

    What the start has made stays for good: to look through it for garbage again and again took a quarter of
    the time. Most of what a request makes is freed by its count of references; the rest can wait until it is
    worth a look. And the threads beside the event loop (epochs, usage) only need it for moments, so they
    should not have to wait for 5 ms each time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    sys.setswitchinterval(0.001)
