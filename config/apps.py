from django.apps import AppConfig
from django.conf import settings


class ConfigConfig(AppConfig):
    """The project itself, for its management commands."""

    name = "config"

    def ready(self) -> None:
        if settings.REDIS_URL:
            from . import celery  # noqa: F401  (makes our Celery app the one that tasks belong to)
