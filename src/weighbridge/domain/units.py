"""Formats bytes for readers: SI units, one or two decimal places, a true minus sign."""

from __future__ import annotations

MINUS = "\N{MINUS SIGN}"

UNKNOWN = "not known"
"""Shown for an unknown number. Never ``0``."""

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB")


def format_bytes(size_bytes: int | None) -> str:
    """`size_bytes` in SI units (``MB`` = 10^6): ``512 B``, ``16.4 kB``, ``64.2 MB``, ``1.14 GB``.

    One decimal place, two from a gigabyte on, where the second still means tens of megabytes. `UNKNOWN` for None.
    """
    if size_bytes is None:
        return UNKNOWN
    sign = MINUS if size_bytes < 0 else ""
    return sign + _magnitude(abs(size_bytes))


def format_delta(delta_bytes: int | None) -> str:
    """`delta_bytes` with its sign: ``+41.2 MB``, ``−7.1 MB``, and ``±0 B`` for no difference. `UNKNOWN` for None."""
    if delta_bytes is None:
        return UNKNOWN
    if delta_bytes == 0:
        return "±0 B"
    return ("+" if delta_bytes > 0 else MINUS) + _magnitude(abs(delta_bytes))


def _magnitude(size_bytes: int) -> str:
    if size_bytes < 1000:
        return f"{size_bytes} B"
    for power, unit in enumerate(_UNITS[1:], start=1):
        places = 2 if power >= 3 else 1
        # Half a unit in the last place below the next unit rounds up to it: 999.96 kB is 1.0 MB.
        if size_bytes * 10**places * 2 < (1000 * 10**places * 2 - 1) * 1000**power:
            return f"{size_bytes / 1000**power:.{places}f} {unit}"
    return f"{size_bytes / 1000 ** (len(_UNITS) - 1):.2f} {_UNITS[-1]}"
