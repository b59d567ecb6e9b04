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
