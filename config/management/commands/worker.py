from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = (
        "Run generation jobs and send webhooks in this process until SIGTERM or SIGINT, then let the running "
        "ones end within GENERATION_SHUTDOWN_S. A second signal ends it at once."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--concurrency",
            type=int,
            default=settings.GENERATION_CONCURRENCY,
            help="how many jobs at a time (default: GENERATION_CONCURRENCY, %(default)s)",
        )

    def handle(self, *, concurrency: int, **options: Any) -> None:
        if not settings.REDIS_URL:
            raise CommandError(
                "REDIS_URL is not set, so there is no broker for separate workers. Set it for the server and "
                "for the workers, or run `manage.py serve` alone: without REDIS_URL it runs the jobs itself."
            )
        if concurrency < 1:
            raise CommandError("--concurrency must be at least 1.")
        from config import celery  # loads Celery, which no other command needs

        if status := celery.run_worker(concurrency=concurrency):
            sys.exit(status)
