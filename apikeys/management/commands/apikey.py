"""API keys for operators without a browser."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from apikeys import issuing
from apikeys.models import ApiKey, Scope, client_scopes
from audit.context import acting, command_origin

_LIMIT_HELP = "0: no limit (default: as the settings say)"


class Command(BaseCommand):
    help = "Creates, lists and revokes API keys."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="create|list|revoke")
        create = actions.add_parser("create", help="issue a key and print it, this one time")
        create.add_argument("name", help="who or what will use the key")
        create.add_argument(
            "--scope",
            action="append",
            choices=Scope.values,
            help=f"may be given several times (default: {' '.join(client_scopes())})",
        )
        create.add_argument("--expires-in-days", type=int, metavar="N", help="default: never")
        create.add_argument("--requests-per-minute", type=int, metavar="N", help=_LIMIT_HELP)
        create.add_argument("--concurrent-requests", type=int, metavar="N", help=_LIMIT_HELP)
        actions.add_parser("list", help="list the keys; the secrets are not stored")
        revoke = actions.add_parser("revoke", help="take a key back for good")
        revoke.add_argument("prefix", help="the start of the key, as `list` shows it")

    def handle(self, *, action: str, **options: Any) -> None:
        with acting(command_origin(f"apikey {action}")):
            {"create": self._create, "list": self._list, "revoke": self._revoke}[action](options)

    def _create(self, options: dict[str, Any]) -> None:
        try:
            key = _new_key(options)
        except ValidationError as error:
            raise CommandError(_sentences(error)) from None
        issued = issuing.reissue(key)
        # The key alone on standard output, so that a script can take it.
        self.stderr.write(
            f"Key {issued.key.prefix} for {issued.key.name!r}. Copy it now: it is not shown again.",
            self.style.SUCCESS,
        )
        self.stdout.write(issued.secret.reveal())

    def _list(self, options: dict[str, Any]) -> None:
        self.stdout.write(_LINE.format("PREFIX", "STATE", "LAST USED", "EXPIRES", "SCOPES", "NAME"))
        for key in ApiKey.objects.select_related("owner"):
            self.stdout.write(
                _LINE.format(
                    key.prefix,
                    key.state_at(timezone.now()).value,
                    _minute(key.last_used_at),
                    _minute(key.expires_at),
                    ",".join(key.scopes),
                    key.name,
                )
            )

    def _revoke(self, options: dict[str, Any]) -> None:
        key = ApiKey.objects.filter(prefix=options["prefix"]).first()
        if key is None:
            raise CommandError(
                f"There is no key with the prefix {options['prefix']!r}. `apikey list` shows the prefixes."
            )
        was_usable = issuing.revoke(key)
        self.stdout.write(
            f"{key.prefix} ({key.name}) {'is revoked' if was_usable else 'was revoked before'}."
        )


def _new_key(options: dict[str, Any]) -> ApiKey:
    """Not saved yet. Raises ValidationError."""
    key = ApiKey(
        name=options["name"].strip(),
        scopes=options["scope"] or client_scopes(),
        expires_at=_days_from_now(options["expires_in_days"]),
        requests_per_minute=options["requests_per_minute"],
        concurrent_requests=options["concurrent_requests"],
    )
    key.full_clean(exclude=["prefix", "digest"])
    return key


_LINE = "{:<14} {:<9} {:<17} {:<17} {:<22} {}"


def _sentences(error: ValidationError) -> str:
    by_field = error.message_dict
    return " ".join(f"{field}: {' '.join(messages)}" for field, messages in by_field.items())


def _days_from_now(days: int | None) -> Any:
    if days is None:
        return None
    try:
        return timezone.now() + timedelta(days=days)
    except OverflowError:
        raise CommandError(f"--expires-in-days {days} is too far away.") from None


def _minute(moment: Any) -> str:
    return f"{moment:%Y-%m-%d %H:%M}" if moment else "-"
