"""A process that records as many entries as its arguments say, for a key, and ends in the way they say:

<key> <count> exit         as a process ends that nobody told to stop
<key> <count> stop         as a server ends
<key> <count> fork         the half of them in a child of its own, forked while the writer is at work
"""

from __future__ import annotations

import os
import sys

import django


def main(key: int, count: int, way: str) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from tests.usage.entries import entry
    from usage import writer

    def record(prefix: str, count: int) -> None:
        for number in range(count):
            writer.record(entry(key, request_id=f"{prefix}-{number}"))

    if way == "fork":
        record("parent", count // 2)
        child = os.fork()
        if child == 0:
            record("child", count // 2)
            writer.stop(timeout_s=20)
            os._exit(0)
        os.waitpid(child, 0)
    else:
        record(way, count)
    if way == "stop":
        writer.stop(timeout_s=20)
        os._exit(0)  # nothing that runs at the end of a process may have to help


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
