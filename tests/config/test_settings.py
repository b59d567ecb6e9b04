from __future__ import annotations

from tests.config.loading import settings_with


def test_sqlite_lies_in_the_data_folder_whatever_its_name() -> None:
    settings = settings_with(CHANGEOVER_DATA_DIR="/data/my #1 50%20 off?/var")

    assert "/data/my #1 50%20 off?/var/changeover.sqlite3" in settings["DATABASES"]
