"""Providers from installed packages: real distributions, as an installer would leave them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from llmbackends.errors import ConfigurationError
from llmbackends.plugins import PluginReport
from llmbackends.registry import Registry
from llmbackends.spec import BackendSpec

GOOD = """
from dataclasses import replace
from llmbackends.catalog import OLLAMA

API_VERSION = 1

def register(registry):
    registry.register_backend(replace(OLLAMA, id={name!r}, aliases=()))
"""

BROKEN = {
    "broken_import": "import no_such_module_anywhere",
    "broken_syntax": "def register(:",
    "broken_call": "API_VERSION = 1\ndef register(registry):\n    raise RuntimeError('out of order')",
    "broken_exit": "import sys\nAPI_VERSION = 1\ndef register(registry):\n    sys.exit('gone')",
    "no_version": GOOD.replace("API_VERSION = 1", ""),
    "other_version": GOOD.replace("API_VERSION = 1", "API_VERSION = 2"),
    "no_function": "API_VERSION = 1",
    "taken_name": GOOD.replace("{name!r}", "'groq'"),
    "twice": GOOD + "    registry.register_backend(replace(OLLAMA, id={name!r}, aliases=()))\n",
}


class Site:
    """A directory on sys.path into which plugins are installed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.modules: set[str] = set()

    def install(self, name: str, source: str) -> None:
        (self.path / f"{name}.py").write_text(source.replace("{name!r}", repr(name)))
        metadata = self.path / f"{name}-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}-dist\nVersion: 1.0\n")
        (metadata / "entry_points.txt").write_text(f"[changeover.backends]\n{name} = {name}:register\n")
        self.modules.add(name)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.syspath_prepend(str(tmp_path))
    site = Site(tmp_path)
    yield site
    for name in site.modules:
        sys.modules.pop(name, None)


def report_of(name: str, registry: Registry | None = None) -> PluginReport:
    (report,) = [each for each in (registry or Registry()).load_plugins() if each.name == name]
    return report


def test_plugin_adds_its_provider(site: Site) -> None:
    site.install("good_one", GOOD)
    registry = Registry()

    backend = registry.build(BackendSpec("good_one", "m", "http://127.0.0.1:9"))

    assert backend.name == "good_one"
    assert registry.providers()[-1].id == "good_one"


def test_plugin_that_loaded_is_reported(site: Site) -> None:
    site.install("good_one", GOOD)

    report = report_of("good_one")

    assert (report.name, report.distribution) == ("good_one", "good_one-dist")
    assert (report.providers, report.error) == (("good_one",), None)


@pytest.mark.parametrize("name", BROKEN)
def test_broken_plugin_is_reported_and_skipped(
    name: str, site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.install(name, BROKEN[name])
    site.install("a_good_one", GOOD)
    site.install("z_good_one", GOOD)
    registry = Registry()

    report = report_of(name, registry)

    assert report.error is not None
    assert report.distribution == f"{name}-dist"
    assert registry.get_provider("a_good_one").id == "a_good_one"
    assert registry.get_provider("z_good_one").id == "z_good_one"
    assert f"The plugin {name} of {name}-dist is skipped" in caplog.text


def test_plugin_of_another_version_is_told_which_one_is_needed(site: Site) -> None:
    site.install("other_version", BROKEN["other_version"])

    report = report_of("other_version")

    assert report.error is not None
    assert "written for version 2" in report.error
    assert "this is version 1" in report.error


def test_plugin_that_fails_half_way_adds_nothing(site: Site) -> None:
    site.install("half_way", GOOD + "    raise RuntimeError('too late')\n")
    registry = Registry()

    report = report_of("half_way", registry)

    assert report.error == "RuntimeError: too late"
    assert "half_way" not in [provider.id for provider in registry.providers()]


def test_second_plugin_of_a_name_is_refused(site: Site) -> None:
    site.install("a_first", GOOD.replace("{name!r}", "'same'"))
    site.install("b_second", GOOD.replace("{name!r}", "'same'"))

    registry = Registry()

    first, second = report_of("a_first", registry), report_of("b_second", registry)

    assert first.error is None
    assert second.error is not None
    assert "'same' is already taken" in second.error


def test_plugins_are_loaded_once(site: Site) -> None:
    site.install("counting", GOOD + "    global calls\n    calls = globals().get('calls', 0) + 1\n")
    registry = Registry()

    registry.load_plugins()
    registry.providers()
    registry.get_provider("counting")

    assert sys.modules["counting"].calls == 1


def test_registering_a_plugins_name_later_is_refused(site: Site) -> None:
    site.install("good_one", GOOD)
    registry = Registry()
    provider = registry.get_provider("good_one")

    with pytest.raises(ConfigurationError, match="already taken"):
        registry.register_backend(provider)
