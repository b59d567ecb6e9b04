"""The long form: `make torture`. JOBS=10000 WORKERS=3 are its defaults."""

from __future__ import annotations

import json
import os
import sys
import time

from .chamber import Chamber, Plan, folder


def main() -> int:
    began_at = time.monotonic()
    plan = Plan(
        jobs=int(os.environ.get("JOBS", "10000")),
        workers=int(os.environ.get("WORKERS", "3")),
        concurrency=8,
        pause_s=2,
    )
    with folder() as path:
        books = Chamber(plan, path, lambda told: print(f"{time.monotonic() - began_at:6.1f} s  {told}")).run()
    print(json.dumps(books.counts, indent=1))
    for wrong in books.wrong[:50]:
        print("WRONG", wrong)
    print(f"{len(books.wrong)} things do not add up.")
    return bool(books.wrong)


if __name__ == "__main__":
    sys.exit(main())
