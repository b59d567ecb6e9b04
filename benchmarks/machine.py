"""On what the numbers were measured, read where it runs."""

from __future__ import annotations

import os
import platform
import re
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from .paths import PEER_ENVIRONMENT

OURS = ("uvicorn", "uvloop", "httptools", "aiohttp", "Django", "psycopg")
PEERS = ("litellm", "starlette", "fastapi", "uvicorn", "uvloop", "httptools", "aiohttp")


@dataclass(frozen=True, slots=True)
class Machine:
    """`libraries` of our environment, `peer_libraries` of the one of the peer and the forwarder.
    `load_before`: how many processes wanted a core in the minute before the run."""

    processor: str
    cores: int
    memory_gb: float
    kernel: str
    python: str
    postgres: str
    load_before: float
    libraries: dict[str, str]
    peer_libraries: dict[str, str]


def this_machine(*, postgres: str, load_before: float) -> Machine:
    return Machine(
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)),
        memory_gb=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        kernel=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        postgres=postgres,
        load_before=load_before,
        libraries={name: metadata.version(name) for name in OURS},
        peer_libraries=_peer_libraries(),
    )


def _processor() -> str:
    found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def _peer_libraries() -> dict[str, str]:
    folders = [str(folder) for folder in PEER_ENVIRONMENT.glob("lib/python*/site-packages")]
    installed = {found.name.lower(): found.version for found in metadata.distributions(path=folders)}
    return {name: installed[name] for name in PEERS if name in installed}
