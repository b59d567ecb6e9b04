"""`manage.py worker`, of whose writes to the database some succeed and report a failure."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

SHARE = float(os.environ.get("TORTURE_LOST_CONFIRMATIONS", "0.02"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.core.management import execute_from_command_line
    from django.db import OperationalError

    from background import database_threads

    real = database_threads._answer

    def answer(future: Future[Any], call: Callable[[], Any]) -> None:
        def done_but_failed() -> Any:
            result = call()
            if random.random() < SHARE:
                print("torture: confirmation lost", flush=True)
                raise OperationalError("torture: the confirmation was lost")
            return result

        real(future, done_but_failed)

    database_threads._answer = answer
    execute_from_command_line(["manage.py", "worker", *sys.argv[1:]])


if __name__ == "__main__":
    main()
