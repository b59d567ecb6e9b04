#!/usr/bin/env python3
"""The catalogues of translations: finds the marked texts, keeps what is translated, compiles.

    locale/<language>/LC_MESSAGES/django.po   what a translator writes
    locale/<language>/LC_MESSAGES/django.mo   what Django reads; stored too, so that no machine that only runs
                                              Changeover needs gettext

Both are the same on every machine: no dates, no line numbers, the texts in the order of the files.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import polib

ROOT = Path(__file__).resolve().parent.parent
LANGUAGES = ("ko",)
_NOT_SERVED = ("tests", "benchmarks", "scripts")
_SUFFIXES = (".py", ".html", ".txt")


def main() -> None:
    for language in LANGUAGES:
        catalogue = read(language)
        merged = merge(extract(language), catalogue)
        merged.save(str(path_of(language)), newline="\n")
        path_of(language).with_suffix(".mo").write_bytes(compiled(merged))
        for entry in merged.untranslated_entries():
            print(f"{language}: to be translated: {entry.msgid}")


def path_of(language: str) -> Path:
    return ROOT / "locale" / language / "LC_MESSAGES" / "django.po"


def read(language: str) -> polib.POFile:
    return polib.pofile(str(path_of(language)), wrapwidth=0)


def compiled(catalogue: polib.POFile) -> bytes:
    """What a .mo file of it holds: without what is fuzzy or not translated."""
    content: bytes = catalogue.to_binary()
    return content


def extract(language: str) -> polib.POFile:
    """All marked texts, none translated. Works on a copy, since makemessages writes beside its sources."""
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory)
        _copy_sources(copy)
        (copy / "locale").mkdir()
        command = ("makemessages", "--locale", language, "--no-wrap", "--add-location", "file", "-v", "0")
        environment = os.environ | {
            "CHANGEOVER_ENV": "test",
            "CHANGEOVER_DOTENV": os.devnull,
            "SECRET_KEY": "none",
            "FIELD_ENCRYPTION_KEYS": "none",
            "API_KEY_PEPPER": "none",
        }
        subprocess.run([sys.executable, "manage.py", *command], cwd=copy, env=environment, check=True)
        found = copy / path_of(language).relative_to(ROOT)
        return polib.pofile(found.read_text(encoding="utf-8"), wrapwidth=0)


def merge(extracted: polib.POFile, catalogue: polib.POFile) -> polib.POFile:
    """The texts of the one with the translations of the other, which is not searched for similar ones: a
    guess that nobody looked at is worse than a gap that a test finds."""
    merged = polib.POFile(wrapwidth=0)
    merged.header, merged.metadata = catalogue.header, catalogue.metadata
    known = {key_of(entry): entry for entry in catalogue}
    for entry in extracted:
        if former := known.get(key_of(entry)):
            entry.msgstr, entry.msgstr_plural = former.msgstr, former.msgstr_plural
            entry.tcomment = former.tcomment
        elif entry.msgid_plural:
            entry.msgstr_plural = dict.fromkeys(range(plural_forms(catalogue)), "")
        merged.append(entry)
    return merged


def plural_forms(catalogue: polib.POFile) -> int:
    found = re.search(r"nplurals=(\d+)", catalogue.metadata["Plural-Forms"])
    assert found, "The catalogue's header lacks Plural-Forms."
    return int(found[1])


def key_of(entry: polib.POEntry) -> tuple[str | None, str, str]:
    return entry.msgctxt, entry.msgid, entry.msgid_plural


def _copy_sources(into: Path) -> None:
    shutil.copy(ROOT / "manage.py", into)
    packages = {path.parent for path in ROOT.glob("*/__init__.py")} - {ROOT / name for name in _NOT_SERVED}
    for directory in (*packages, ROOT / "templates"):
        for source in directory.rglob("*"):
            if source.suffix in _SUFFIXES:
                target = into / source.relative_to(ROOT)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, target)


if __name__ == "__main__":
    main()
