from __future__ import annotations

from celery import shared_task

from .running import runner

_EXPIRES_S = 10
"""By then the workers have looked by themselves."""
MOST_WAITING = 1_000
"""Wake-ups in the broker. Where no worker fetches them, as over a weekend without any, they would fill it."""


@shared_task(name="generation.wake_up")  # type: ignore[untyped-decorator]
def wake_up() -> None:
    """There are jobs: the runner of this worker process claims as many as it has room for."""
    runner.wake_here()


def publish_wake_up() -> None:
    """To one worker; of those that wait, the broker takes the one that has waited longest.

    Takes seconds, and raises, while the broker does not answer.
    """
    app = wake_up.app
    with app.producer_or_acquire() as producer:
        waiting = producer.channel.queue_declare(app.conf.task_default_queue).message_count
        if waiting < MOST_WAITING:
            wake_up.apply_async(producer=producer, retry=False, expires=_EXPIRES_S)
