"""A process that ends while a model is loaded, loading or answering ends at once and in order."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

PRELUDE = """
import asyncio, sys, threading, time
from llmbackends import registry
from llmbackends.spec import BackendSpec
from llmbackends.types import ChatRequest

def backend():
    options = {"model_path": sys.argv[1], "context_size": 32768, "threads": 1}
    return registry.build(BackendSpec(provider="local-llm", model="", options=options))

ENDLESS = ChatRequest(prompt="The")

async def answer_without_end(begun):
    async with backend().stream(ENDLESS) as chunks:
        async for chunk in chunks:
            begun.set()

async def answer_once():
    left_open = backend()
    async with left_open.stream(ENDLESS) as chunks:
        await anext(chunks)

def in_a_thread(work):
    threading.Thread(target=lambda: asyncio.run(work), daemon=True).start()
"""

ENDINGS = {
    "loaded": "asyncio.run(answer_once())",
    "answering_in_a_task": """
async def main():
    begun = asyncio.Event()
    task = asyncio.create_task(answer_without_end(begun))
    await begun.wait()
asyncio.run(main())
""",
    "answering_in_a_thread": """
begun = threading.Event()
in_a_thread(answer_without_end(begun))
begun.wait()
""",
    "loading": "in_a_thread(answer_without_end(threading.Event())); time.sleep(0.05)",
    "nearly_loaded": "in_a_thread(answer_without_end(threading.Event())); time.sleep(0.35)",
    "sys_exit": "asyncio.run(answer_once()); sys.exit(0)",
    "global_backend": """
kept = backend()
async def main():
    async with kept.stream(ENDLESS) as chunks:
        await anext(chunks)
asyncio.run(main())
""",
}


def run_script(ending: str, model: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PRELUDE + ending, str(model)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=40,
        check=False,
    )


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS.keys())
def test_process_ends_in_order(toy_gguf_endless: Path, ending: str) -> None:
    done = run_script(ending, toy_gguf_endless)

    assert done.returncode == 0, done.stderr
    assert "FATAL" not in done.stderr


def test_exception_ends_the_process_with_its_own_status(toy_gguf_endless: Path) -> None:
    done = run_script("asyncio.run(answer_once()); raise SystemExit(7)", toy_gguf_endless)

    assert done.returncode == 7, done.stderr


def test_log_of_llama_cpp_stays_off_stderr(toy_gguf_endless: Path) -> None:
    done = run_script("asyncio.run(answer_once())", toy_gguf_endless)

    assert (done.stdout, done.stderr) == ("", "")
