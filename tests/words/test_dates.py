from __future__ import annotations

from datetime import datetime

from django.utils import formats, translation

from .korean_pages import LANGUAGE

MOMENT = datetime(2026, 11, 26, 14, 16)


def test_dates_are_written_as_koreans_read_them() -> None:
    with translation.override(LANGUAGE):
        assert formats.date_format(MOMENT, "DATETIME_FORMAT") == "2026년 11월 26일 14:16"
        assert formats.date_format(MOMENT, "SHORT_DATETIME_FORMAT") == "2026-11-26 14:16"
        assert formats.date_format(MOMENT, "DATE_FORMAT") == "2026년 11월 26일"
        assert formats.time_format(MOMENT.time()) == "14:16"
