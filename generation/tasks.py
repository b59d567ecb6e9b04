from __future__ import annotations

from celery import shared_task

from . import runner


@shared_task(name="generation.run_next_job")  # type: ignore[untyped-decorator]
def run_next_job() -> None:
    """Works on the most urgent job that is due, in the runner of this worker process."""
    runner.run_one_here()


def publish_wake_up() -> None:
    """Takes seconds, and raises, while the broker does not answer."""
    run_next_job.apply_async(retry=False)
