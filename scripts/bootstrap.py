#!/usr/bin/env python3
"""Make the virtual environment and the private `.env`; needs Python 3.11 and nothing else.

  bootstrap.py [--dev] [--conformance] [--peer] [--no-env]

Installs the locked, hashed requirements with uv if it is on the PATH, else with pip; with --dev also what the
tests need of the system (Chromium, gettext), or says what is missing where it is not root or has no apt-get.
A second run finds everything in place and returns at once.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import os
import secrets
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Which virtual environment each lock file is for: what does not go together has one of its own.
ENVIRONMENTS = {
    "base": ROOT / ".venv",
    "dev": ROOT / ".venv",
    "conformance": ROOT / ".venv-conformance",
    "peer": ROOT / ".venv-peer",
}
INCLUDED_IN = {"base": "dev"}
# What a Chromium may be called; CHROMIUM names another one.
BROWSERS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
# With a font that has Korean, so that the screenshots can be read.
BROWSER_PACKAGES = ("chromium", "fonts-nanum")
# Holds a package.json and its lock.
NODE_FOLDER = ROOT / "tests" / "conformance"

DOTENV = """\
# Private: made once with fresh secrets, never overwritten. Every variable is explained in .env.example.
CHANGEOVER_ENV=development
SECRET_KEY={secret_key}
FIELD_ENCRYPTION_KEYS={encryption_key}
API_KEY_PEPPER={pepper}
AUDIT_SIGNING_KEY={signing_key}

# What answers while no configuration is active in the admin: the toy model, in process.
LLM_PROVIDER=local-llm
LLM_MODEL_PATH=var/models/toy.gguf
# Small against its context, so that several requests share it at the same time.
LLM_MAX_TOKENS=256
"""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--dev", action="store_true", help="also install what the tests and checks need")
    arguments.add_argument(
        "--conformance", action="store_true", help="also install the clients and judges of our API"
    )
    arguments.add_argument(
        "--peer", action="store_true", help="also install what `make bench` measures us by"
    )
    arguments.add_argument("--no-env", action="store_true", help="do not write a .env")
    options = arguments.parse_args()
    install("dev" if options.dev else "base")
    if options.dev:
        install_system_packages()
    if options.conformance:
        install("conformance")
        install_node_packages(NODE_FOLDER)
    if options.peer:
        install("peer")
    if not options.no_env:
        write_dotenv(ROOT / ".env")
        make_data_folder(ROOT / "var")


def install(requirements: str) -> None:
    """Make its environment hold the locked requirements, unless it does already."""
    if is_installed(requirements) or is_installed(INCLUDED_IN.get(requirements, requirements)):
        return
    environment = ENVIRONMENTS[requirements]
    for name, other in ENVIRONMENTS.items():
        if other == environment:
            stamp(name).unlink(missing_ok=True)
    lock = ROOT / "requirements" / f"{requirements}.txt"
    if uv := shutil.which("uv"):
        install_with_uv(uv, environment, lock)
    else:
        install_with_pip(environment, lock)
    stamp(requirements).write_text(fingerprint(requirements))


def install_with_uv(uv: str, environment: Path, lock: Path) -> None:
    variables = os.environ | {"UV_PYTHON_DOWNLOADS": "never", "VIRTUAL_ENV": str(environment)}
    if not python_of(environment).exists():
        run(uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(environment), env=variables)
    run(uv, "pip", "sync", "--quiet", "--require-hashes", str(lock), env=variables)


def install_with_pip(environment: Path, lock: Path) -> None:
    python = python_of(environment)
    if not python.exists() or not has_pip(python):
        # Not venv.create(): the command says which system package is missing where Python has no pip.
        run(sys.executable, "-m", "venv", "--clear", str(environment))
    run(str(python), "-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(lock))


def install_node_packages(folder: Path) -> None:
    """Make node_modules hold the locked packages of the folder, unless it does already."""
    digest = hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()
    installed = folder / "node_modules" / ".installed"
    if installed.is_file() and installed.read_text() == digest:
        return
    npm = shutil.which("npm")
    if npm is None:
        sys.exit("The conformance tests need Node.js 20 or newer, with npm; there is no npm on the PATH.")
    run(npm, "ci", "--prefix", str(folder), "--ignore-scripts", "--no-audit", "--no-fund", "--silent")
    installed.write_text(digest)


def install_system_packages() -> None:
    """Chromium for tests/browser, gettext for the catalogues. Not to be able to is no error: most targets
    need neither, and those that do say so."""
    packages = missing_packages()
    if not packages:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        print(f"To be installed by hand, as on Debian with: apt-get install {' '.join(packages)}", flush=True)
        print("(the tests need it; CHROMIUM=/path/to/it names a Chromium or Chrome elsewhere)", flush=True)
        return
    variables = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (
        ("apt-get", "update", "-qq"),
        ("apt-get", "install", "-qq", "--yes", "--no-install-recommends", *packages),
    ):
        print("+", " ".join(command), flush=True)
        if code := subprocess.run(command, env=variables, stdout=subprocess.DEVNULL).returncode:
            print(f"`{' '.join(command)}` failed with exit status {code}; its output is above.", flush=True)


def missing_packages() -> list[str]:
    """By Debian's names."""
    browser = () if find_browser() else BROWSER_PACKAGES
    return [*browser, *(() if shutil.which("msgfmt") else ("gettext",))]


def find_browser() -> str | None:
    """The path of a Chromium."""
    names = (os.environ["CHROMIUM"],) if os.environ.get("CHROMIUM") else BROWSERS
    return next((path for path in map(shutil.which, names) if path), None)


def is_installed(requirements: str) -> bool:
    file = stamp(requirements)
    is_there = python_of(ENVIRONMENTS[requirements]).exists() and file.is_file()
    return is_there and file.read_text() == fingerprint(requirements)


def python_of(environment: Path) -> Path:
    return environment / "bin" / "python"


def stamp(requirements: str) -> Path:
    return ENVIRONMENTS[requirements] / f".installed-{requirements}"


def fingerprint(requirements: str) -> str:
    return hashlib.sha256((ROOT / "requirements" / f"{requirements}.txt").read_bytes()).hexdigest()


def has_pip(python: Path) -> bool:
    return subprocess.run([python, "-m", "pip", "--version"], capture_output=True).returncode == 0


def run(*command: str, env: dict[str, str] | None = None) -> None:
    print("+", " ".join(command), flush=True)
    if code := subprocess.run(command, env=env).returncode:
        sys.exit(f"`{' '.join(command)}` failed with exit status {code}; its output is above.")


def make_data_folder(path: Path) -> None:
    """For SQLite, which makes no folders; for the owner alone, since it will hold prompts and answers."""
    path.mkdir(mode=0o700, exist_ok=True)


def write_dotenv(path: Path) -> None:
    """Write fresh secrets, readable by the owner alone; an existing file is never touched."""
    text = DOTENV.format(
        secret_key=secrets.token_urlsafe(50),
        encryption_key=base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        pepper=secrets.token_urlsafe(32),
        signing_key=base64.b64encode(secrets.token_bytes(32)).decode(),
    )
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    print(f"Wrote {path.name} with fresh secrets.", flush=True)


if __name__ == "__main__":
    main()
