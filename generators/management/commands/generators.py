"""Generators for operators without a browser, and for files that are kept beside a program."""

from __future__ import annotations

import re
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.context import acting, command_origin
from generators import exchange, publishing
from generators.desk_errors import DeskError
from generators.models import NAME_PATTERN, Generator

_PUBLIC_NAME = re.compile(rf"(?P<name>{NAME_PATTERN})-v(?P<version>[0-9]{{1,5}})")


class Command(BaseCommand):
    help = "List generators, write them to files, take them in and publish them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
        commands.add_parser("list", help="all versions and their states")
        taking = commands.add_parser("import", help="make a draft from a JSON file")
        taking.add_argument("file", metavar="FILE", help="- for the standard input")
        giving = commands.add_parser("export", help="write a version as JSON to the standard output")
        giving.add_argument("name", metavar="NAME", help="with its version, such as form-v1")
        publish = commands.add_parser("publish", help="let clients name a draft; it never changes again")
        publish.add_argument("name", metavar="NAME", help="with its version, such as form-v1")
        publish.add_argument(
            "--make-current", action="store_true", help="and let the name without a version mean it"
        )

    def handle(self, *, command: str, **options: Any) -> None:
        arguments = {name: options[name] for name in ("file", "name", "make_current") if name in options}
        try:
            with acting(command_origin(f"generators {command}")):
                getattr(self, f"handle_{command}")(**arguments)
        except DeskError as error:
            raise CommandError(str(error)) from error

    def handle_list(self) -> None:
        rows = [(row.public_name, row.state, row.output_kind) for row in Generator.objects.all()]
        table = [("NAME", "STATE", "OUTPUT"), *rows]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        for row in table:
            self.stdout.write("  ".join(map(str.ljust, row, widths)).rstrip())

    def handle_import(self, file: str) -> None:
        row = exchange.read(_text_of(file))
        if (same := exchange.version_that_says(row)) is not None:
            self.stdout.write(f"{same.public_name} says that already. Nothing was changed.")
            return
        publishing.create(row)
        self.stdout.write(self.style.SUCCESS(f"{row.public_name} is a draft. No client can name it yet."))

    def handle_export(self, name: str) -> None:
        self.stdout.write(exchange.exported(_version_named(name)), ending="")

    def handle_publish(self, name: str, make_current: bool) -> None:
        row = _version_named(name)
        publishing.publish(row, make_current=make_current)
        means = f", and “{row.name}” means it" if row.is_current else ""
        self.stdout.write(self.style.SUCCESS(f"{row.public_name} is published{means}."))


def _version_named(name: str) -> Generator:
    found = _PUBLIC_NAME.fullmatch(name)
    row = found and Generator.objects.filter(name=found["name"], version=int(found["version"])).first()
    if not row:
        raise CommandError(f"There is no version {name!r}. See: manage.py generators list")
    return row


def _text_of(file: str) -> str:
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"The file cannot be read: {error}") from error
