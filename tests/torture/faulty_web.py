"""`manage.py serve`, of whose insertions of jobs some succeed and report a failure.

Half of them by an error that the intake tries again after, half by one that it tells its clients of at once.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

SHARE = float(os.environ.get("TORTURE_LOST_INSERTIONS", "0.1"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django
    from django.core.management import execute_from_command_line
    from django.db import OperationalError

    django.setup()
    from generation.accepting import intake

    real = intake.insert

    def insert(rows: Sequence[Any]) -> None:
        real(rows)
        if random.random() < SHARE:
            print("torture: confirmation lost", flush=True)
            raise random.choice((OperationalError, RuntimeError))("torture: the confirmation was lost")

    intake.insert = insert
    execute_from_command_line(["manage.py", *sys.argv[1:]])


if __name__ == "__main__":
    main()
