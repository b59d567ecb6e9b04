"""The administrator's list of language models for operators without a browser."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from epochs.selectors import RunningProcess, running_processes
from llmbackends.errors import BackendError, ConfigurationError
from llmbackends.spec import BackendSpec
from llmconfigs import activation, checking
from llmconfigs.active import active_spec
from llmconfigs.building import ensure_usable
from llmconfigs.environment import read_environment
from llmconfigs.errors import ConfigGone
from llmconfigs.models import LLMConfig
from llmconfigs.specs import model_of, spec_from_config


class Command(BaseCommand):
    help = "Show, switch and check which language model answers."

    def add_arguments(self, parser: ArgumentParser) -> None:
        commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
        commands.add_parser("list", help="all configurations, and what is in use")
        activate = commands.add_parser("activate", help="let a configuration answer from now on")
        activate.add_argument("name", metavar="NAME")
        commands.add_parser("deactivate", help="let the environment answer from now on")
        check = commands.add_parser("check", help="ask the service of a configuration whether it is ready")
        check.add_argument("name", metavar="NAME", nargs="?", help="default: what is in use")
        commands.add_parser("processes", help="who runs, and whether all have taken up the last change")
        commands.add_parser("env", help="what the LLM_ variables say, and whether that can work")

    def handle(self, *, command: str, **options: Any) -> None:
        try:
            getattr(self, f"handle_{command}")(options.get("name"))
        except (BackendError, ConfigGone) as error:
            raise CommandError(str(error)) from error

    def handle_list(self, _name: None) -> None:
        rows = [
            ("*" if config.is_active else "", config.name, config.provider, model_of(config), _time(config))
            for config in LLMConfig.objects.all()
        ]
        self._write_table([("", "NAME", "PROVIDER", "MODEL", "UPDATED"), *rows])
        active = active_spec()
        source = "environment" if active.source == "environment" else f"configuration {active.config_name!r}"
        self.stdout.write(f"In use: {source} ({active.spec.provider}, {active.spec.model})")

    def handle_activate(self, name: str) -> None:
        activation.activate(_config_named(name))
        self.stdout.write(self.style.SUCCESS(f"{name} is active and answers every new request."))

    def handle_deactivate(self, _name: None) -> None:
        config = LLMConfig.objects.active().first()
        if config is None:
            raise CommandError("No configuration is active: the environment answers already.")
        activation.deactivate(config)
        self.stdout.write(self.style.SUCCESS(f"{config.name} is no longer active: the environment answers."))

    def handle_check(self, name: str | None) -> None:
        spec = spec_from_config(_config_named(name)) if name else active_spec().spec
        shown = name or f"{spec.provider}, {spec.model}"
        try:
            report = checking.check(spec)
        except BackendError as error:
            raise CommandError(f"{shown}: {error}") from error
        self.stdout.write(self.style.SUCCESS(f"{shown}: ready ({report.took_s:.2f} s). {report.detail}"))

    def handle_processes(self, _name: None) -> None:
        running = running_processes()
        if not running:
            self.stdout.write("No process has reported itself within the last minute.")
            return
        header = ("ROLE", "HOST", "PID", "VERSION", "CONFIGS", "KEYS", "SEEN", "CONVERGED")
        self._write_table([header, *map(_process_row, running)])
        if behind := [each for each in running if not each.has_converged]:
            raise CommandError(f"{len(behind)} of {len(running)} processes have not converged.")

    def handle_env(self, _name: None) -> None:
        reading = read_environment(settings.LLM_ENVIRONMENT)
        self._write_table(_described(reading.spec))
        for warning in reading.warnings:
            self.stderr.write(self.style.WARNING(f"Warning: {warning}"))
        try:
            ensure_usable(reading.spec)
        except ConfigurationError as error:
            raise CommandError(f"The environment cannot be used as it is. {error}") from error

    def _write_table(self, rows: Iterable[tuple[str, ...]]) -> None:
        rows = list(rows)
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
            self.stdout.write("  ".join(cells).rstrip())


def _config_named(name: str) -> LLMConfig:
    try:
        config: LLMConfig = LLMConfig.objects.get(name=name)
    except LLMConfig.DoesNotExist:
        names = ", ".join(LLMConfig.objects.values_list("name", flat=True))
        known = f"There are: {names}." if names else "There is none yet; add one in the admin."
        raise CommandError(f"There is no configuration {name!r}. {known}") from None
    return config


def _process_row(running: RunningProcess) -> tuple[str, ...]:
    process = running.process
    epochs = (str(process.configs_epoch), str(process.keys_epoch))
    seen = f"{running.age_s:.0f} s ago"
    converged = "yes" if running.has_converged else "no"
    return (process.role, process.host, str(process.pid), process.version, *epochs, seen, converged)


def _time(config: LLMConfig) -> str:
    return config.updated_at.strftime("%Y-%m-%d %H:%M UTC")


def _described(spec: BackendSpec) -> Iterator[tuple[str, str]]:
    yield "provider", spec.provider
    yield "model", spec.model or "not set"
    yield "endpoint", spec.endpoint_url or "none"
    yield "API key", "set" if spec.api_key else "not set"
    yield "time-out", f"{spec.timeout_s:g} s"
    yield "retries", str(spec.max_retries)
    yield "parameters", json.dumps(spec.sampling.given())
    # A header among the options may hold a password, so only what has no parts is shown.
    yield "options", ", ".join(f"{name}={_shown(value)}" for name, value in spec.options.items()) or "none"


def _shown(value: Any) -> str:
    return "…" if isinstance(value, dict | list) else json.dumps(value)
