from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class UsageConfig(AppConfig):
    name = "usage"
    verbose_name = _("Usage")

    def ready(self) -> None:
        from llmconfigs import uses

        from .selectors import uses_of_configs

        uses.provide(uses_of_configs)
