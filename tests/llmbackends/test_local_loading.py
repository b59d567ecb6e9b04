"""Loading, sharing, exchanging and freeing models; files that cannot be loaded."""

from __future__ import annotations

import asyncio
import shutil
import threading
import time
from pathlib import Path

import psutil
import pytest

from llmbackends.errors import BackendError, BackendUnavailable, ConfigurationError, ModelNotFound
from llmbackends.types import FinishReason
from scripts.make_toy_gguf import write_toy_gguf
from tests.asyncio_support import run_async

from .local_support import asking, local_backend


def memory() -> int:
    return int(psutil.Process().memory_info().rss)


def fail_to_answer(path: Path) -> BackendError:
    async def ask() -> BackendError:
        async with local_backend(path) as backend:
            with pytest.raises(BackendError) as caught:
                await backend.complete(asking())
            return caught.value

    return run_async(ask())


def test_missing_file_is_named(tmp_path: Path) -> None:
    error = fail_to_answer(tmp_path / "gone.gguf")

    assert isinstance(error, ModelNotFound)
    assert str(tmp_path / "gone.gguf") in error.message
    assert "Put a GGUF file there" in error.message
    assert not error.retryable


@pytest.mark.parametrize("refused", ["llama-pool", "llama-generation"])
def test_no_thread_left_is_unavailable_until_there_is_one(
    toy_gguf: Path, monkeypatch: pytest.MonkeyPatch, refused: str
) -> None:
    start = threading.Thread.start

    def start_others(thread: threading.Thread) -> None:
        if thread.name == refused:
            raise RuntimeError("can't start new thread")
        start(thread)

    async def scenario() -> str:
        async with local_backend(toy_gguf, timeout_s=20) as backend:
            with monkeypatch.context() as patch:
                patch.setattr(threading.Thread, "start", start_others)
                with pytest.raises(BackendUnavailable, match="thread") as caught:
                    await backend.complete(asking())
                assert caught.value.retryable
            return (await backend.complete(asking())).text

    assert run_async(scenario())


def test_directory_is_no_model(tmp_path: Path) -> None:
    assert isinstance(fail_to_answer(tmp_path), ModelNotFound)


def test_file_of_another_kind_is_named(tmp_path: Path) -> None:
    path = tmp_path / "page.gguf"
    path.write_bytes(b"<html>404</html>")

    error = fail_to_answer(path)

    assert isinstance(error, ConfigurationError)
    assert f"{path} is not a GGUF file" in error.message


@pytest.mark.parametrize("kept", [4, 1000, 900_000])
def test_truncated_file_is_an_error_with_the_reason(toy_gguf: Path, tmp_path: Path, kept: int) -> None:
    path = tmp_path / "cut.gguf"
    path.write_bytes(toy_gguf.read_bytes()[:kept])

    error = fail_to_answer(path)

    assert isinstance(error, ConfigurationError)
    assert f"llama.cpp cannot load {path}: " in error.message
    assert "Download the file again" in error.message


def test_truncated_file_is_called_incomplete(toy_gguf: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.gguf"
    path.write_bytes(toy_gguf.read_bytes()[:-1000])

    assert "corrupted or incomplete" in fail_to_answer(path).message


def test_file_that_aborts_llama_cpp_is_an_error(toy_gguf: Path, tmp_path: Path) -> None:
    """llama.cpp asserts that there is a layer, which ends the process that loads the file."""
    path = tmp_path / "no-layers.gguf"
    key = b"llama.block_count" + (4).to_bytes(4, "little")
    path.write_bytes(toy_gguf.read_bytes().replace(key + b"\x02", key + b"\x00"))

    error = fail_to_answer(path)

    assert isinstance(error, ConfigurationError)
    assert "GGML_ASSERT" in error.message


def test_file_that_was_mended_is_loaded(toy_gguf: Path, tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"no model yet")

    async def scenario() -> str:
        async with local_backend(path) as backend:
            with pytest.raises(ConfigurationError):
                await backend.complete(asking())
            shutil.copy(toy_gguf, path)
            return (await backend.complete(asking())).text

    assert run_async(scenario()).endswith(".")


def test_file_that_changed_is_loaded_again(toy_gguf: Path, toy_gguf_endless: Path, tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    shutil.copy(toy_gguf, path)

    async def scenario() -> list[FinishReason]:
        async with local_backend(path) as backend:
            before = await backend.complete(asking(max_tokens=50))
            other = tmp_path / "other.gguf"
            shutil.copy(toy_gguf_endless, other)
            other.replace(path)
            after = await backend.complete(asking(max_tokens=50))
            return [before.finish_reason, after.finish_reason]

    assert run_async(scenario()) == [FinishReason.STOP, FinishReason.LENGTH]


def test_file_that_changed_does_not_break_a_stream(
    toy_gguf: Path, toy_gguf_endless: Path, tmp_path: Path
) -> None:
    path = tmp_path / "model.gguf"
    shutil.copy(toy_gguf_endless, path)

    async def scenario() -> tuple[int, FinishReason | None]:
        async with local_backend(path) as backend, backend.stream(asking(max_tokens=2000)) as chunks:
            await anext(chunks)
            other = tmp_path / "other.gguf"
            shutil.copy(toy_gguf, other)
            other.replace(path)
            await backend.complete(asking())
            rest = [chunk async for chunk in chunks]
            return len(rest), rest[-1].finish_reason

    count, finish_reason = run_async(scenario())

    assert count > 1000
    assert finish_reason is FinishReason.LENGTH


def test_memory_is_shared_and_freed_with_the_last_backend(toy_gguf_slow: Path) -> None:
    """The model takes 80 MB, and its context about as much."""
    enough = 60_000_000

    async def scenario() -> tuple[int, int, int, int]:
        options = {"context_size": 8192}
        at_first = memory()
        async with local_backend(toy_gguf_slow, options=options) as one:
            await one.complete(asking(max_tokens=1))
            with_one = memory()
            async with local_backend(toy_gguf_slow, options=options) as other:
                await other.complete(asking(max_tokens=1))
                with_both = memory()
            await one.complete(asking(max_tokens=1))
        return at_first, with_one, with_both, memory()

    at_first, with_one, with_both, at_last = run_async(scenario())

    assert with_one - at_first > enough
    assert with_both - with_one < enough
    assert with_one - at_last > enough


def test_event_loop_runs_while_a_model_loads_and_answers(toy_gguf_endless: Path) -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.001)
            ticks += 1

    async def scenario() -> tuple[int, int]:
        async with local_backend(toy_gguf_endless) as backend:
            ticking = asyncio.create_task(tick())
            await backend.complete(asking(max_tokens=1))
            while_loading = ticks
            await backend.complete(asking(max_tokens=1000))
            ticking.cancel()
            return while_loading, ticks - while_loading

    while_loading, while_answering = run_async(scenario())

    assert while_loading > 20
    assert while_answering > 20


def test_building_loads_nothing(toy_gguf_slow: Path) -> None:
    async def scenario() -> tuple[float, str, tuple[str, ...]]:
        started_at = time.monotonic()
        async with local_backend(toy_gguf_slow) as backend:
            report = await backend.check()
            return time.monotonic() - started_at, report.detail, await backend.list_models()

    took_s, detail, models = run_async(scenario())

    assert took_s < 0.2
    assert "GGUF file of" in detail
    assert models == (toy_gguf_slow.stem,)


def test_check_fails_for_a_file_that_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "page.gguf").write_bytes(b"<html>")

    async def check(name: str) -> None:
        async with local_backend(tmp_path / name) as backend:
            await backend.check()

    with pytest.raises(ConfigurationError, match="not a GGUF file"):
        run_async(check("page.gguf"))
    with pytest.raises(ModelNotFound, match=r"gone\.gguf"):
        run_async(check("gone.gguf"))


@pytest.mark.parametrize(("model", "expected"), [("", "toy-bigram-4096"), ("mine", "mine")])
def test_model_is_named_after_its_file(toy_gguf: Path, model: str, expected: str) -> None:
    async def name() -> str:
        async with local_backend(toy_gguf, model=model) as backend:
            return backend.model

    assert run_async(name()) == expected


def test_closing_lets_a_stream_end(toy_gguf_endless: Path) -> None:
    async def scenario() -> FinishReason | None:
        async with local_backend(toy_gguf_endless) as backend:
            async with backend.stream(asking(max_tokens=1500)) as chunks:
                await anext(chunks)
                await backend.aclose()
                rest = [chunk async for chunk in chunks]
            return rest[-1].finish_reason

    assert run_async(scenario()) is FinishReason.LENGTH


def test_closed_backend_answers_no_more(toy_gguf: Path) -> None:
    async def scenario() -> None:
        async with local_backend(toy_gguf) as backend:
            await backend.aclose()
            with pytest.raises(BackendUnavailable, match="closed"):
                await backend.complete(asking())

    run_async(scenario())


def test_model_can_be_loaded_and_freed_many_times(toy_gguf: Path, tmp_path: Path) -> None:
    path = write_toy_gguf(tmp_path / "again.gguf", seed=11)

    async def once() -> str:
        async with local_backend(path) as backend:
            return (await backend.complete(asking(seed=1))).text

    assert len({run_async(once()) for _ in range(5)}) == 1
