from django.apps import AppConfig
from django.core.checks import register
from django.utils.translation import gettext_lazy as _


class LLMConfigsConfig(AppConfig):
    name = "llmconfigs"
    verbose_name = _("Language models")

    def ready(self) -> None:
        from .checks import check_encryption_keys

        register(check_encryption_keys)
