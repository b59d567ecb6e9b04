"""Numbers in as few characters as say enough."""

from __future__ import annotations

from django.utils.translation import gettext as _

_UNITS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def number_text(number: float) -> str:
    """1,234 is 1.23k; whole numbers below a thousand are as they are."""
    for size, unit in _UNITS:
        if number >= size:
            return f"{_short(number / size)}{unit}"
    return _short(number)


def seconds_text(seconds: float | None) -> str:
    """0.25 is 250 ms; None is a dash."""
    if seconds is None:
        return "—"
    if 0 < seconds < 1:
        return _("%(milliseconds)s ms") % {"milliseconds": _short(seconds * 1000)}
    if seconds < 120:
        return _("%(seconds)s s") % {"seconds": _short(seconds)}
    return _("%(minutes)s min") % {"minutes": _short(seconds / 60)}


def _short(number: float) -> str:
    """Three digits at most before the rest is cut."""
    digits = 0 if number >= 100 else 1 if number >= 10 else 2
    return f"{number:.{digits}f}".rstrip("0").rstrip(".") if digits else f"{number:.0f}"
