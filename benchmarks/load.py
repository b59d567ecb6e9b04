"""The load generator's order and its findings. The work is done by a process of its own (load_process.py)."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, dataclass, field

from .paths import ROOT
from .plans import Plan
from .samples import Spread


@dataclass(frozen=True, slots=True)
class Load:
    """A closed loop: each of the connections asks again once it has its answer.

    After `warmup_s` the measuring begins; it ends after `duration_s`, or before, at `most_requests` (0: no
    such bound; the warm-up counts too). What is under way at the end is not counted, unless `finish`: then
    the end is when all have their answers. `watched`: processes whose CPU time in the window is taken.
    `more_keys`: API keys that the requests have in turn with `key`. `submits`: jobs, in place of completions.
    """

    port: int
    key: str = ""
    connections: int = 1
    streamed: bool = False
    plan: Plan = field(default_factory=Plan)
    warmup_s: float = 1.0
    duration_s: float = 4.0
    most_requests: int = 0
    finish: bool = False
    watched: tuple[int, ...] = ()
    more_keys: tuple[str, ...] = ()
    submits: bool = False


@dataclass(frozen=True, slots=True)
class Findings:
    """`seconds`: how long the window was. `cpu_s`: of each watched process, `own_cpu_s`: of the generator.
    `most_open`: streams of which a piece of the text had come, but not the end, at the same time."""

    requests: int
    seconds: float
    latency: Spread
    first_chunk: Spread
    failures: int
    first_failure: str
    most_open: int
    cpu_s: tuple[float, ...]
    own_cpu_s: float

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds if self.seconds else 0.0

    def cpu_us(self, watched: int = 0) -> float:
        """CPU time for each request of one of the watched processes, in microseconds."""
        return self.cpu_s[watched] / self.requests * 1e6 if self.requests else 0.0


class RunningLoad:
    """A load that is being put on in a process of its own."""

    def __init__(self, load: Load) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.load_process", json.dumps(asdict(load))],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )

    def result(self) -> Findings:
        """Waits for its end."""
        output, _ = self._process.communicate()
        if self._process.returncode:
            raise RuntimeError(f"The load generator failed with status {self._process.returncode}.")
        found = json.loads(output)
        found["latency"], found["first_chunk"] = Spread(**found["latency"]), Spread(**found["first_chunk"])
        return Findings(**(found | {"cpu_s": tuple(found["cpu_s"])}))

    def stop(self) -> None:
        """Ends it without a result."""
        self._process.kill()
        self._process.communicate()


def run_load(load: Load) -> Findings:
    return RunningLoad(load).result()
