"""Checks an export where there is no installation: python -m audit EXPORT --public-key KEY

Needs this folder and the `cryptography` package, no settings and no database. Exits with 1 if the export is
not as it was written.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .exports import verify_export
from .signing import Keyring, decoded_key


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m audit", description="Checks an export of the audit trail."
    )
    parser.add_argument("export", type=Path)
    parser.add_argument(
        "--public-key",
        action="append",
        required=True,
        type=decoded_key,
        metavar="BASE64",
        help="what `manage.py audit public-key` printed; may be given several times",
    )
    options = parser.parse_args()
    try:
        with options.export.open("rb") as lines:
            report = verify_export(lines, Keyring(options.public_key))
    except OSError as error:
        parser.error(str(error))
    print(report)  # noqa: T201
    sys.exit(1 if report.fault_count else 0)


if __name__ == "__main__":
    main()
