#!/usr/bin/env python3
"""Django's own checks, with settings that no `.env` of this checkout reaches."""

from __future__ import annotations

import base64
import os
import secrets
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMMANDS = (
    ("makemigrations", "--check", "--dry-run"),
    ("check", "--deploy", "--fail-level", "WARNING"),
)


def main() -> None:
    environment = os.environ | {
        "CHANGEOVER_ENV": "production",
        "CHANGEOVER_DOTENV": os.devnull,
        "SECRET_KEY": secrets.token_urlsafe(50),
        "FIELD_ENCRYPTION_KEYS": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "API_KEY_PEPPER": secrets.token_urlsafe(32),
        "ALLOWED_HOSTS": "changeover.example",
        "DATABASE_URL": "sqlite://:memory:",
    }
    for command in COMMANDS:
        result = subprocess.run([sys.executable, ROOT / "manage.py", *command], env=environment)
        if result.returncode:
            sys.exit(f"`manage.py {' '.join(command)}` failed: see above.")


if __name__ == "__main__":
    main()
