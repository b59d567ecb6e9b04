"""Reading typed settings from the environment, `.env` and secret files; for config/settings.py alone."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

from audit.signing import decoded_key

T = TypeVar("T")

_TRUE = ("true", "on", "yes", "y", "1")
_FALSE = ("false", "off", "no", "n", "0")


class Environment:
    """The process's variables over those of a `.env` file; an empty variable counts as not set.

    Every reader raises ImproperlyConfigured, with the variable's name and what it must be, on a wrong value.
    """

    def __init__(self, dotenv: Path, *, variables: dict[str, str] | None = None) -> None:
        self.variables: Mapping[str, str] = os.environ if variables is None else variables
        if dotenv.is_file():
            # read_env() writes to its class's ENVIRON, so a class of its own for each environment.
            reader: Any = type("Reader", (environ.Env,), {"ENVIRON": self.variables})
            reader.read_env(str(dotenv), overwrite=False)

    def text(self, name: str, *, default: str) -> str:
        return self.variables.get(name, "").strip() or default

    def starting_with(self, prefix: str) -> dict[str, str]:
        """All variables whose name starts with `prefix`, as text."""
        return {name: value for name, value in self.variables.items() if name.startswith(prefix)}

    def words(self, name: str, *, default: Sequence[str]) -> list[str]:
        """A list separated by commas."""
        return [word.strip() for word in self.text(name, default="").split(",") if word.strip()] or list(
            default
        )

    def flag(self, name: str, *, default: bool) -> bool:
        text = self.text(name, default=_TRUE[0] if default else _FALSE[0]).lower()
        if text not in _TRUE + _FALSE:
            raise ImproperlyConfigured(f"{name} must be true or false, not {text!r}.")
        return text in _TRUE

    def choice(self, name: str, choices: Sequence[str], *, default: str) -> str:
        text = self.text(name, default=default)
        if text not in choices:
            raise ImproperlyConfigured(f"{name} must be one of {', '.join(choices)}, not {text!r}.")
        return text

    def number(self, name: str, *, default: float, least: float, most: float = math.inf) -> float:
        text = self.text(name, default=str(default))
        try:
            number = float(text)
        except ValueError:
            raise ImproperlyConfigured(f"{name} must be a number, not {text!r}.") from None
        if not number >= least:  # "not" also catches NaN
            raise ImproperlyConfigured(f"{name} must be at least {least}, not {text}.")
        if number > most:
            raise ImproperlyConfigured(f"{name} must be at most {most}, not {text}.")
        return number

    def whole_number(self, name: str, *, default: int, least: int = 0) -> int:
        number = self.number(name, default=default, least=least)
        if not number.is_integer():
            raise ImproperlyConfigured(f"{name} must be a whole number, not {number}.")
        return int(number)

    def parsed(self, name: str, parse: Callable[[str], T], *, default: str) -> T:
        """What `parse` makes of the text; it raises ValueError with what is wrong."""
        try:
            return parse(self.text(name, default=default))
        except ValueError as error:
            raise ImproperlyConfigured(f"{name}: {error}.") from None

    def secret(self, name: str, *, default: str | None = None) -> str:
        """The variable, or the contents of the file that NAME_FILE names (Docker and Kubernetes secrets)."""
        file, text = self.text(f"{name}_FILE", default=""), self.text(name, default="")
        if file and text:
            raise ImproperlyConfigured(f"Set either {name} or {name}_FILE, not both.")
        if file:
            try:
                text = Path(file).read_text().strip()
            except OSError as error:
                raise ImproperlyConfigured(f"{name}_FILE cannot be read: {error}.") from None
        if text or default is not None:
            return text or default or ""
        raise ImproperlyConfigured(
            f"{name} is not set. Run `make run` once to write a .env with fresh secrets, or set {name} or "
            f"{name}_FILE."
        )

    def secrets(self, name: str) -> list[str]:
        """Secrets separated by commas."""
        return [secret.strip() for secret in self.secret(name).split(",") if secret.strip()]

    def key(self, name: str) -> bytes | None:
        """A secret key of 32 bytes from its base64; None if it is not set."""
        text = self.secret(name, default="")
        return _decoded_key(name, text) if text else None

    def public_keys(self, name: str) -> list[bytes]:
        """Keys of 32 bytes from their base64, separated by commas."""
        return [_decoded_key(name, text) for text in self.words(name, default=[])]

    def database(self, name: str, *, default: str) -> dict[str, Any]:
        """Django's settings for a postgresql:// or sqlite:/// URL."""
        url = self.secret(name, default=default)
        # Looked at first: of a scheme that it does not know, the parser would warn with the password in it.
        if url.partition(":")[0] not in ("postgresql", "postgres", "sqlite"):
            raise ImproperlyConfigured(
                f"{name} must be like postgresql://user:password@host:5432/name or sqlite:////path/to/file."
            )
        database: dict[str, Any] = environ.Env.db_url_config(url)
        settings = _DATABASES[database["ENGINE"]]
        # libpq's URLs name a Unix socket's directory as a percent-encoded host.
        database["HOST"] = unquote(database.get("HOST", ""))
        return database | settings | {"OPTIONS": settings["OPTIONS"] | database.get("OPTIONS", {})}


def own_ports(database: Mapping[str, Any], redis_url: str) -> frozenset[int]:
    """On which our PostgreSQL and Redis listen, on whatever host: one machine has many names."""
    ports = set()
    if database["ENGINE"] == "django.db.backends.postgresql":
        ports.add(int(database.get("PORT") or 5432))
    try:
        redis = urlsplit(redis_url)
        if redis.scheme in ("redis", "rediss"):
            ports.add(redis.port or 6379)
    except ValueError:
        raise ImproperlyConfigured("REDIS_URL must be like redis://:password@host:6379/0.") from None
    return frozenset(ports)


def _decoded_key(name: str, text: str) -> bytes:
    try:
        return decoded_key(text)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}: {error}") from None


_DATABASES: dict[str, dict[str, Any]] = {
    "django.db.backends.postgresql": {
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": True,
        # A pool for the web process; workers keep a connection a thread, see config/celery.py. `timeout`: how
        # long a request waits for a free connection, in seconds.
        "OPTIONS": {
            # reconnect_timeout: else the pauses between tries grow to minutes while the server is away.
            "pool": {"min_size": 1, "max_size": 16, "timeout": 5, "reconnect_timeout": 10},
            # A host that vanishes without a word is noticed in half a minute, not in a quarter of an hour.
            "connect_timeout": 5,
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 4,
            "tcp_user_timeout": 30_000,
            # A process that is frozen, or whose machine is gone, inside a transaction: what it has locked is
            # free again after so long, and not when it moves again. Nobody else waits for it meanwhile.
            "options": "-c idle_in_transaction_session_timeout=30s",
        },
    },
    "django.db.backends.sqlite3": {
        "OPTIONS": {
            # IMMEDIATE takes the write lock at BEGIN: a transaction that reads first cannot fail half-way.
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        },
    },
}
