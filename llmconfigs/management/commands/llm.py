"""The administrator's list of language models for operators without a browser."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from audit.context import acting, command_origin, current_origin
from epochs.selectors import RunningProcess, running_processes
from llmbackends.errors import BackendError, ConfigurationError
from llmbackends.spec import BackendSpec
from llmconfigs import activation, asking, history, selectors
from llmconfigs.active import active_spec
from llmconfigs.building import ensure_usable
from llmconfigs.environment import read_environment
from llmconfigs.errors import LLMConfigsError, ProbeFailed
from llmconfigs.models import LLMConfig
from llmconfigs.specs import model_of, spec_from_config

_HISTORY = 20
_FORCE_HELP = (
    "go on although the test fails, and under the two-person rule; this reason is in the audit trail"
)


class Command(BaseCommand):
    help = "Show, switch and check which language model answers."

    def add_arguments(self, parser: ArgumentParser) -> None:
        commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
        commands.add_parser("list", help="all configurations, and what is in use")
        activate = commands.add_parser("activate", help="let a configuration answer from now on")
        activate.add_argument("name", metavar="NAME")
        activate.add_argument("--force-reason", metavar="TEXT", default="", help=_FORCE_HELP)
        roll_back = commands.add_parser("rollback", help="go back to what answered before")
        roll_back.add_argument("--force-reason", metavar="TEXT", default="", help=_FORCE_HELP)
        commands.add_parser("history", help="what has answered when, the latest first")
        commands.add_parser("deactivate", help="let the environment answer from now on")
        check = commands.add_parser("check", help="ask the service of a configuration whether it is ready")
        check.add_argument("name", metavar="NAME", nargs="?", help="default: what is in use")
        commands.add_parser("processes", help="who runs, and whether all have taken up the last change")
        commands.add_parser("env", help="what the LLM_ variables say, and whether that can work")

    def handle(self, *, command: str, **options: Any) -> None:
        arguments = {name: options[name] for name in ("name", "force_reason") if name in options}
        try:
            with acting(command_origin(f"llm {command}")):
                getattr(self, f"handle_{command}")(**arguments)
        except ProbeFailed as error:
            raise CommandError(f"{error} {error.probe.failure and error.probe.failure.message}") from error
        except (BackendError, LLMConfigsError) as error:
            raise CommandError(str(error)) from error

    def handle_list(self) -> None:
        rows = [
            ("*" if config.is_active else "", config.name, config.provider, model_of(config), _time(config))
            for config in LLMConfig.objects.all()
        ]
        self._write_table([("", "NAME", "PROVIDER", "MODEL", "UPDATED"), *rows])
        active = active_spec()
        source = "environment" if active.source == "environment" else f"configuration {active.config_name!r}"
        self.stdout.write(f"In use: {source} ({active.spec.provider}, {active.spec.model})")

    def handle_activate(self, name: str, force_reason: str) -> None:
        config = _config_named(name)
        by = current_origin().actor
        activation.activate(config, by=by, force_reason=force_reason, alone_because=force_reason.strip())
        self.stdout.write(self.style.SUCCESS(f"{name} is active and answers every new request."))

    def handle_rollback(self, force_reason: str) -> None:
        target, by = history.roll_back_target(), current_origin().actor
        activation.roll_back(target, by=by, force_reason=force_reason, alone_because=force_reason.strip())
        shown = target.name or "The environment"
        self.stdout.write(self.style.SUCCESS(f"{shown} answers every new request again."))

    def handle_history(self) -> None:
        rows = [
            (_at(each.at), each.kind, each.config_name or "(environment)", each.model_name, each.by_name)
            for each in selectors.last_activations(_HISTORY)
        ]
        self._write_table([("TIME", "WHAT", "CONFIGURATION", "MODEL", "BY"), *rows])

    def handle_deactivate(self) -> None:
        config = LLMConfig.objects.active().first()
        if config is None:
            raise CommandError("No configuration is active: the environment answers already.")
        activation.deactivate(config, by=current_origin().actor)
        self.stdout.write(self.style.SUCCESS(f"{config.name} is no longer active: the environment answers."))

    def handle_check(self, name: str | None) -> None:
        config = _config_named(name) if name else None
        spec = spec_from_config(config) if config else active_spec().spec
        shown = name or f"{spec.provider}, {spec.model}"
        probe = asking.probe(spec, config=config, is_stored=True)
        if probe.failure is not None:
            raise CommandError(f"{shown}: {probe.failure.message}")
        ready = f"{shown}: ready ({probe.check_s:.2f} s), answers ({probe.answer_s:.2f} s). {probe.detail}"
        self.stdout.write(self.style.SUCCESS(ready))

    def handle_processes(self) -> None:
        running = running_processes()
        if not running:
            self.stdout.write("No process has reported itself within the last minute.")
            return
        header = ("ROLE", "HOST", "PID", "VERSION", "CONFIGS", "KEYS", "SEEN", "CONVERGED")
        self._write_table([header, *map(_process_row, running)])
        if behind := [each for each in running if not each.has_converged]:
            raise CommandError(f"{len(behind)} of {len(running)} processes have not converged.")

    def handle_env(self) -> None:
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
    return _at(config.updated_at)


def _at(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M UTC")


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
