from __future__ import annotations

import pytest

from tests.config.loading import refusal_of, settings_with


def test_sqlite_lies_in_the_data_folder_whatever_its_name() -> None:
    settings = settings_with(CHANGEOVER_DATA_DIR="/data/my #1 50%20 off?/var")

    assert "/data/my #1 50%20 off?/var/changeover.sqlite3" in settings["DATABASES"]


@pytest.mark.parametrize(
    ("shutdown_s", "drain_s"), [("60", "10.0"), ("20", "10.0"), ("3", "1.5"), ("0", "0.0")]
)
def test_drain_fits_into_the_time_of_the_shutdown(shutdown_s: str, drain_s: str) -> None:
    assert settings_with(GENERATION_SHUTDOWN_S=shutdown_s)["API_DRAIN_S"] == drain_s


def test_drain_that_the_shutdown_would_cut_off_is_refused() -> None:
    assert settings_with(GENERATION_SHUTDOWN_S="20", API_DRAIN_S="18")["API_DRAIN_S"] == "18.0"
    message = refusal_of(GENERATION_SHUTDOWN_S="20", API_DRAIN_S="18.5")
    assert "ImproperlyConfigured: API_DRAIN_S" in message
    assert "GENERATION_SHUTDOWN_S" in message


def test_process_may_not_be_silent_until_it_counts_as_gone() -> None:
    assert "PROCESS_REPORT_INTERVAL_S" in refusal_of(PROCESS_REPORT_INTERVAL_S="21")


def test_zones_are_those_of_loopback_by_default() -> None:
    assert "loopback" in settings_with()["OUTGOING_ZONES"]
    assert "10.1.0.0/16" not in settings_with()["OUTGOING_ZONES"]


def test_zones_are_read_from_their_variable() -> None:
    zones = settings_with(OUTGOING_ZONES="gpu=10.1.0.0/16, llm.bank.internal")["OUTGOING_ZONES"]

    assert "10.1.0.0/16" in zones
    assert "llm.bank.internal" in zones
    assert "loopback" not in zones


def test_webhooks_may_go_where_calls_may_unless_they_have_zones_of_their_own() -> None:
    assert "10.1.0.0/16" in settings_with(OUTGOING_ZONES="gpu=10.1.0.0/16")["WEBHOOK_ZONES"]
    zones = settings_with(OUTGOING_ZONES="gpu=10.1.0.0/16", WEBHOOK_ZONES="apps=10.2.0.0/16")["WEBHOOK_ZONES"]
    assert "10.2.0.0/16" in zones
    assert "10.1.0.0/16" not in zones


def test_wrong_zone_stops_the_start_with_its_name() -> None:
    message = refusal_of(OUTGOING_ZONES="gpu=10.1.0.5/16")

    assert "ImproperlyConfigured: OUTGOING_ZONES: '10.1.0.5/16' is no network" in message


@pytest.mark.parametrize(
    ("variables", "ports"),
    [
        ({"DATABASE_URL": "sqlite:////tmp/x.sqlite3"}, set()),
        ({"DATABASE_URL": "postgresql://me@db/x"}, {5432}),
        ({"DATABASE_URL": "postgresql://me@db:6543/x", "REDIS_URL": "redis://r/0"}, {6543, 6379}),
        (
            {"DATABASE_URL": "postgresql://me@%2Frun%2Fpg:5433/x", "REDIS_URL": "rediss://r:7000"},
            {5433, 7000},
        ),
        ({"DATABASE_URL": "sqlite:////tmp/x.sqlite3", "REDIS_URL": "unix:///run/redis.sock"}, set()),
    ],
)
def test_own_ports_are_those_of_database_and_redis(variables: dict[str, str], ports: set[int]) -> None:
    assert settings_with(**variables)["OWN_PORTS"] == repr(frozenset(ports))


def test_redis_url_with_a_wrong_port_is_named() -> None:
    assert "REDIS_URL" in refusal_of(REDIS_URL="redis://r:port")
