from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps
from django.utils.translation import gettext_lazy as _


class WebConfig(AppConfig):
    name = "web"
    verbose_name = _("Pages")


class DeskConfig(admin_apps.AdminConfig):
    """Django's admin, on a site of ours."""

    default = False  # of this package
    default_site = "web.admin_site.DeskSite"
