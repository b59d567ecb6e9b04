"""The secrets in the database and the keys of FIELD_ENCRYPTION_KEYS that they are written with."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from audit.context import acting, command_origin
from llmconfigs import rotation
from llmconfigs.errors import LLMConfigsError
from llmconfigs.rotation import Census, Place

_BAR_WIDTH = 40


class Command(BaseCommand):
    help = "Show under which encryption key the stored secrets are, and write them with the first one."

    def add_arguments(self, parser: ArgumentParser) -> None:
        commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
        commands.add_parser("status", help="how many values are under which key, so which key may go")
        rotate = commands.add_parser(
            "rotate",
            help="write every value with the first key, while serving; may be broken off and repeated",
        )
        rotate.add_argument("--dry-run", action="store_true", help="tell what would be done, and do nothing")

    def handle(self, *, command: str, dry_run: bool = False, **options: Any) -> None:
        try:
            if command == "status":
                self._show(rotation.take_census())
            else:
                self._rotate(dry_run=dry_run)
        except LLMConfigsError as error:
            raise CommandError(str(error)) from error

    def _rotate(self, *, dry_run: bool) -> None:
        with acting(command_origin("secrets rotate")):
            done = rotation.rotate(dry_run=dry_run, report=self._report_progress)
        verb = "Would be rotated" if dry_run else "Rotated"
        self.stdout.write(f"{verb}: {done.rotated}. Already under the first key: {done.unchanged}.")
        if done.undecryptable:
            self._name_undecryptable(done.undecryptable)
            raise CommandError(
                f"{len(done.undecryptable)} values cannot be decrypted with any of FIELD_ENCRYPTION_KEYS. "
                "Add the key they were written with, or enter them again."
            )
        if not dry_run and (left := rotation.take_census().left):
            raise CommandError(f"{left} values were written with another key meanwhile. Run it again.")

    def _show(self, census: Census) -> None:
        self.stdout.write("KEY  VALUES")
        for position in range(1, len(settings.FIELD_ENCRYPTION_KEYS) + 1):
            count = census.by_position[position]
            note = "  new values are written with it" if position == 1 else "" if count else "  may go"
            self.stdout.write(f"{position:<3}  {count}{note}")
        if census.undecryptable:
            self.stdout.write(f"none {len(census.undecryptable)}  cannot be decrypted")
            self._name_undecryptable(census.undecryptable)

    def _name_undecryptable(self, places: list[Place] | tuple[Place, ...]) -> None:
        for place in places:
            self.stderr.write(f"Cannot be decrypted: {place}")

    def _report_progress(self, done: int, total: int) -> None:
        """A bar on a terminal; elsewhere a line after each tenth."""
        if self.stdout.isatty():
            filled = "#" * (_BAR_WIDTH * done // total)
            end = "\n" if done == total else ""
            self.stdout.write(f"\r[{filled:<{_BAR_WIDTH}}] {done} of {total}", ending=end)
            self.stdout.flush()
        elif 10 * done // total > 10 * (done - 1) // total:
            self.stdout.write(f"{done} of {total}")
            self.stdout.flush()
