"""The test installation: real PostgreSQL (or SQLite with TEST_DATABASE=sqlite), real Valkey on demand.

DATABASE_URL and REDIS_URL, where set, name servers to use instead of the ones that the tests start.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from tests import servers

_open = contextlib.ExitStack()


def _prepare_environment() -> None:
    """Before Django reads its settings. Workers of pytest-xdist inherit what the first process prepared."""
    if "CHANGEOVER_TEST_PREPARED" in os.environ:
        return
    database_url, redis_url = _database_url(), os.environ.get("REDIS_URL", "")
    for name in servers.documented_variables():
        os.environ.pop(name, None)
        os.environ.pop(f"{name}_FILE", None)
    os.environ.update(servers.isolated_environment(database_url))
    if redis_url:
        os.environ["TEST_REDIS_URL"] = redis_url
    os.environ["CHANGEOVER_TEST_PREPARED"] = "1"
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    atexit.register(_open.close)


def _database_url() -> str:
    if os.environ.get("TEST_DATABASE") == "sqlite":
        directory = _open.enter_context(tempfile.TemporaryDirectory(prefix="changeover-sqlite-"))
        return f"sqlite:///{directory}/changeover.sqlite3"
    return os.environ.get("DATABASE_URL") or _open.enter_context(servers.running_postgres())


_prepare_environment()


def pytest_configure() -> None:
    from django.conf import settings

    # How long an example takes is a matter of the machine, and of what else it does.
    hypothesis.settings.register_profile("changeover", deadline=None)
    hypothesis.settings.load_profile("changeover")
    # A quick one for the tests; then Django's own, for users whom a server process has to recognise.
    quick = "django.contrib.auth.hashers.MD5PasswordHasher"
    settings.PASSWORD_HASHERS = [quick, *settings.PASSWORD_HASHERS]
    # A server in a test's process would write at any moment, also between two tests.
    settings.PROCESS_REPORT_INTERVAL_S = 0
    settings.HEALTH_NOTE_INTERVAL_S = 0


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from tests.together import ByGroup

    return ByGroup(config, log) if config.getvalue("dist") == "loadgroup" else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On SQLite what touches no database is left out: it has run beside PostgreSQL."""
    if os.environ.get("TEST_DATABASE") != "sqlite":
        return
    kept, left_out = [], []
    for item in items:
        (kept if _touches_database(item) else left_out).append(item)
    items[:] = kept
    config.hook.pytest_deselected(items=left_out)


def _touches_database(item: pytest.Item) -> bool:
    """pytest-django lets no other test reach it."""
    wanted = {"db", "transactional_db"}.intersection(getattr(item, "fixturenames", ()))
    return bool(wanted) or item.get_closest_marker("django_db") is not None


def pytest_sessionfinish(session: pytest.Session) -> None:
    """With FAIL_ON_SKIP (as `make check` sets it) a skipped test is a failure: it may hide a missing part."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter and os.environ.get("FAIL_ON_SKIP") and reporter.stats.get("skipped"):
        reporter.write_line("FAILED: tests were skipped, and FAIL_ON_SKIP is set", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """SQLite's test database is a file: threads cannot share one in memory the way processes share a file."""
    from django.db import connections

    settings = connections["default"].settings_dict
    if settings["ENGINE"].endswith("sqlite3"):
        settings["TEST"]["NAME"] = str(tmp_path_factory.mktemp("database") / "test.sqlite3")


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> Iterator[None]:
    """Before the test database is dropped, nobody may be connected to it any more."""
    from epochs import current as epochs
    from generation.accepting import intake
    from tests import emptying, usage_gate
    from usage import writer

    usage_gate.install()
    emptying.install()
    yield
    usage_gate.open_()
    writer.stop(timeout_s=5)
    intake.stop()
    epochs.close()


@pytest.fixture
def transactional_db(transactional_db: None) -> Iterator[None]:
    from tests import usage_gate

    usage_gate.open_()
    yield
    usage_gate.close()


@pytest.fixture(autouse=True)
def _english_again() -> Iterator[None]:
    """A request in another language leaves it to whatever the thread does next."""
    from django.utils import translation

    yield
    translation.deactivate()


@pytest.fixture(scope="session")
def valkey_url() -> Iterator[str]:
    """A running Valkey or Redis that the tests may fill."""
    if url := os.environ.get("TEST_REDIS_URL"):
        servers.wait_for_redis(url)
        yield url
        return
    with servers.running_valkey() as server:
        yield server.url


@pytest.fixture
def process_environment(transactional_db: None) -> dict[str, str]:
    """The environment for a process that works on the same test database as the test."""
    return os.environ | {"DATABASE_URL": test_database_url(), "PYTHONUNBUFFERED": "1"}


def test_database_url() -> str:
    """Once the test database is there."""
    from django.db import connection

    name = str(connection.settings_dict["NAME"])
    if connection.vendor == "sqlite":
        return f"sqlite:///{Path(name)}"
    return os.environ["DATABASE_URL"].rpartition("/")[0] + f"/{name}"
