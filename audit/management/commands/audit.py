"""The audit trail for auditors and operators: check it, take it with you."""

from __future__ import annotations

import base64
import contextlib
import os
import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from django.core.management.base import BaseCommand, CommandError

from audit import exporting, stored
from audit.context import acting, command_origin
from audit.exports import verify_export
from audit.keys import signer, trusted
from audit.periods import beginning_of, end_of
from audit.signing import Keyring, decoded_key
from audit.verification import Report


class Command(BaseCommand):
    help = "Checks and exports the audit trail."
    # So that an export can be checked where there is no database.
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
        verify = commands.add_parser("verify", help="find what was changed, taken out, put in or moved")
        verify.add_argument("--file", type=Path, metavar="EXPORT", help="of this export; needs no database")
        verify.add_argument(
            "--against",
            type=Path,
            metavar="EXPORT",
            help="also see whether the database still has its events",
        )
        verify.add_argument(
            "--public-key",
            action="append",
            type=_public_key,
            metavar="BASE64",
            help="trust this key and none of the settings; may be given several times",
        )
        export = commands.add_parser("export", help="write JSON lines, the last of them a signed trailer")
        export.add_argument(
            "--from", dest="since", type=_moment, metavar="DATE", help="default: the beginning"
        )
        export.add_argument(
            "--to", dest="until", type=_end_moment, metavar="DATE", help="the whole day (default: now)"
        )
        export.add_argument(
            "-o",
            "--output",
            type=Path,
            metavar="FILE",
            help="a new file, for its owner alone; default: print",
        )
        commands.add_parser("public-key", help="print the key by which others check the signatures")

    def handle(self, *, command: str, **options: Any) -> None:
        {"verify": self._verify, "export": self._export, "public-key": self._public_key}[command](options)

    def _verify(self, options: dict[str, Any]) -> None:
        keys = Keyring(options["public_key"]) if options["public_key"] else trusted()
        report = self._verified(options, keys)
        if report.fault_count:
            raise CommandError(str(report))
        self.stdout.write(self.style.SUCCESS(str(report)))

    def _verified(self, options: dict[str, Any], keys: Keyring) -> Report:
        if options["file"]:
            return _verified_file(options["file"], keys)
        report = stored.verify_stored(keys)
        if options["against"]:
            export = _verified_file(options["against"], keys)
            if export.fault_count:
                raise CommandError(f"The export itself is not as it was written.\n{export}")
            stored.compare_with_export(export, report)
        return report

    def _export(self, options: dict[str, Any]) -> None:
        with _opened(options["output"]) as file, acting(command_origin("audit export")):
            for chunk in exporting.begin(since=options["since"], until=options["until"]).chunks():
                file.write(chunk)

    def _public_key(self, options: dict[str, Any]) -> None:
        self.stdout.write(base64.b64encode(signer().public_key).decode())


def _verified_file(path: Path, keys: Keyring) -> Report:
    try:
        with path.open("rb") as lines:
            return verify_export(lines, keys)
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}.", returncode=2) from None


@contextlib.contextmanager
def _opened(path: Path | None) -> Iterator[BinaryIO]:
    """A new file that is gone again if it could not be written whole; or standard output."""
    if path is None:
        yield sys.stdout.buffer
        return
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise CommandError(f"{path} cannot be made: {error.strerror}.", returncode=2) from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _public_key(text: str) -> bytes:
    try:
        return decoded_key(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None


def _moment(text: str) -> datetime:
    return _day(beginning_of, text)


def _end_moment(text: str) -> datetime:
    return _day(end_of, text)


def _day(moment_of: Callable[[str], datetime], text: str) -> datetime:
    try:
        return moment_of(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no date like 2026-01-31") from None
