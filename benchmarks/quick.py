"""One number quickly, for whoever tunes the server:

python -m benchmarks.quick --target changeover --connections 64 --seconds 4
"""

from __future__ import annotations

import argparse
import contextlib

from .changeover import install, running_database
from .load import Findings, Load, run_load
from .plans import Plan
from .services import Service, running_forwarder, running_mock, running_peer

TARGETS = ("changeover", "forwarder", "litellm", "mock")


def start(stack: contextlib.ExitStack, target: str) -> Service:
    """The target with what it needs; `stack` ends them."""
    mock = stack.enter_context(running_mock())
    if target == "mock":
        return mock
    if target == "forwarder":
        return stack.enter_context(running_forwarder(mock))
    if target == "litellm":
        return stack.enter_context(running_peer(mock))
    installation = install(stack.enter_context(running_database()), mock)
    return stack.enter_context(installation.running())


def main() -> None:
    options = _arguments()
    with contextlib.ExitStack() as stack:
        service = start(stack, options.target)
        print(f"{service.name} on port {service.port}, process {service.pid}, key {service.key or '-'}")
        for connections in options.connections:
            load = Load(
                port=service.port,
                key=service.key,
                connections=connections,
                streamed=options.streamed,
                plan=Plan(options.delay_ms, options.chunks, options.pace_ms),
                duration_s=options.seconds,
                watched=(service.pid,),
            )
            print(line(connections, run_load(load)), flush=True)
        if options.hold:
            input("Everything runs on; Enter ends it. ")


def line(connections: int, found: Findings) -> str:
    told = (
        f"{connections:4} connections: {found.per_second:8,.0f} requests/s"
        f"   median {found.latency.median_ms:7.2f} ms   p99 {found.latency.p99_ms:7.2f} ms"
        f"   server CPU {found.cpu_us():6,.0f} µs a request ({found.cpu_s[0] / found.seconds:.0%} of a core)"
    )
    if found.first_chunk.count:
        told += f"   first chunk {found.first_chunk.median_ms:.2f} ms"
    if found.failures:
        told += f"   {found.failures} FAILED: {found.first_failure}"
    return told


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--target", choices=TARGETS, default="changeover")
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 16, 64])
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--streamed", action="store_true")
    parser.add_argument("--delay-ms", type=int, default=0)
    parser.add_argument("--chunks", type=int, default=20)
    parser.add_argument("--pace-ms", type=int, default=0)
    parser.add_argument("--hold", action="store_true", help="wait for Enter at the end, for a profiler")
    return parser.parse_args()


if __name__ == "__main__":
    main()
