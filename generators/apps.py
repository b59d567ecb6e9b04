from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class GeneratorsConfig(AppConfig):
    name = "generators"
    verbose_name = _("Generators")
