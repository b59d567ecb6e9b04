"""The plugin of docs/writing-a-provider.md, built and installed as a user would, and two that are wrong."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.xdist_group("tutorial-plugin")
ROOT = Path(__file__).parents[2]
TUTORIAL = ROOT / "docs" / "tutorial-plugin"

ASK = """
import asyncio, json
from llmbackends import registry
from llmbackends.spec import BackendSpec
from llmbackends.types import ChatRequest, Message, Sampling

async def main():
    backend = registry.build(BackendSpec(provider="echo", model=""))
    messages = (Message("user", "hello out there"),)
    whole = await backend.complete(ChatRequest(messages))
    cut = await backend.complete(ChatRequest(messages, sampling=Sampling(max_tokens=2)))
    return {
        "name": backend.name,
        "model": backend.model,
        "answers": [[whole.text, whole.finish_reason], [cut.text, cut.finish_reason]],
        "generated": await backend.generate("again"),
        "check": (await backend.check()).detail,
        "models": await backend.list_models(),
    }

print(json.dumps(asyncio.run(main())))
"""

REPORT = """
import json
from llmbackends import registry
reports = {each.name: [each.distribution, each.providers, each.error] for each in registry.load_plugins()}
print(json.dumps({"reports": reports, "providers": [each.id for each in registry.providers()]}))
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the tutorial's plugin, one that cannot be imported, and one whose id is taken."""
    target, sources = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("sources")
    for name, old, new in (
        ("echo", "", ""),
        ("broken", "API_VERSION = 1", "raise RuntimeError('out of order')"),
        ("taken", 'id="echo"', 'id="ollama"'),
    ):
        variant(sources / name, name, old, new)
    install(list(sources.iterdir()), target)
    return target


def variant(directory: Path, name: str, old: str, new: str) -> None:
    """A copy of the tutorial's plugin under another name, with one thing changed."""
    directory.mkdir()
    settings = (TUTORIAL / "pyproject.toml").read_text()
    module = (TUTORIAL / "changeover_echo.py").read_text()
    assert old in module
    (directory / "pyproject.toml").write_text(
        settings.replace("changeover-echo", f"changeover-{name}")
        .replace("changeover_echo", f"changeover_{name}")
        .replace("\necho = ", f"\n{name} = ")
    )
    (directory / f"changeover_{name}.py").write_text(module.replace(old, new, 1) if old else module)


def install(sources: list[Path], target: Path) -> None:
    """With pip or uv, whichever there is; nothing is downloaded."""
    command, environment = installer()
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--target", str(target)]
    done = subprocess.run(
        [*command, "install", *options, *map(str, sources)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def installer() -> tuple[list[str], dict[str, str]]:
    """An environment made by uv has no pip; then there is uv, or the pip that Python carries for new ones."""
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip"], environment
    if uv := shutil.which("uv"):
        return [uv, "pip"], {**environment, "UV_PYTHON": sys.executable, "UV_OFFLINE": "1"}
    spec = importlib.util.find_spec("ensurepip")
    assert spec is not None, "There is neither pip nor uv nor ensurepip."
    assert spec.origin is not None
    (wheel,) = (Path(spec.origin).parent / "_bundled").glob("pip-*.whl")
    paths = [str(wheel), *filter(None, [os.environ.get("PYTHONPATH")])]
    return [sys.executable, "-m", "pip"], {**environment, "PYTHONPATH": os.pathsep.join(paths)}


def run(script: str, site: Path) -> Any:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(site), str(ROOT)))},
        cwd=site,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_tutorial_plugin_answers(site: Path) -> None:
    answered = run(ASK, site)

    assert answered == {
        "name": "echo",
        "model": "capitals",
        "answers": [["HELLO OUT THERE ", "stop"], ["HELLO OUT ", "length"]],
        "generated": "AGAIN ",
        "check": "It can always shout.",
        "models": ["capitals"],
    }


def test_tutorial_plugin_is_reported_with_its_package(site: Path) -> None:
    assert run(REPORT, site)["reports"]["echo"] == ["changeover-echo", ["echo"], None]


def test_broken_plugin_is_reported_and_skipped(site: Path) -> None:
    found = run(REPORT, site)

    assert found["reports"]["broken"] == ["changeover-broken", [], "RuntimeError: out of order"]
    assert {"echo", "ollama", "dummy"} <= set(found["providers"])


def test_plugin_with_a_taken_name_is_refused(site: Path) -> None:
    found = run(REPORT, site)

    _, providers, error = found["reports"]["taken"]
    assert providers == []
    assert "'ollama' is already taken" in error
    assert found["providers"].count("ollama") == 1


def test_tutorial_shows_the_plugin_as_it_is() -> None:
    page = (ROOT / "docs" / "writing-a-provider.md").read_text()

    assert (TUTORIAL / "changeover_echo.py").read_text() in page
    assert (TUTORIAL / "pyproject.toml").read_text() in page
