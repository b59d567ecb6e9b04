"""Work that is done beside the test, in threads of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from django.db import connection, transaction

from webhooks.models import WebhookEndpoint

Begin = Callable[[Callable[[], object]], "Future[None]"]


@contextmanager
def beginning() -> Iterator[Begin]:
    """Does something in a thread of its own; what it raises comes with the result."""

    def run(work: Callable[[], object]) -> None:
        try:
            work()
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as executor:
        yield lambda work: executor.submit(run, work)


def remove(endpoint: WebhookEndpoint) -> None:
    with transaction.atomic():
        WebhookEndpoint.objects.select_for_update().get(pk=endpoint.pk).delete()
