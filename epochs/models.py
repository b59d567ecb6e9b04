"""The numbers by which every process notices a change, and what each process says of itself."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Epoch(models.Model):
    """`number` is changed by the database's triggers (triggers.py), and never takes an old value again."""

    subject = models.CharField(max_length=20, primary_key=True)
    number = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.subject}: {self.number}"


class Role(models.TextChoices):
    WEB = "web", _("Web server")
    WORKER = "worker", _("Worker")


class Process(models.Model):
    """A running process, by its own report. The epochs are those that it works with, see reporting.py."""

    id = models.UUIDField(primary_key=True, editable=False)
    role = models.CharField(_("role"), max_length=10, choices=Role)
    host = models.CharField(_("host"), max_length=255)
    pid = models.PositiveIntegerField(_("process id"))
    version = models.CharField(_("version"), max_length=40)
    configs_epoch = models.BigIntegerField(_("epoch of the configurations"))
    keys_epoch = models.BigIntegerField(_("epoch of the API keys"))
    started_at = models.DateTimeField(_("started"))
    seen_at = models.DateTimeField(_("last seen"))

    class Meta:
        verbose_name = _("process")
        verbose_name_plural = _("processes")
        ordering = ["role", "host", "pid"]

    def __str__(self) -> str:
        return f"{self.get_role_display()} {self.host}:{self.pid}"
