"""Bytes and percentages as a reader wants them: SI units, one place after the point, a true minus sign.

Every renderer takes its numbers from here, so that two of them never write one size in two ways.
"""

from __future__ import annotations

MINUS = "\N{MINUS SIGN}"

UNKNOWN = "not known"
"""What stands where a number is not known. Never ``0``."""

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB")


def format_bytes(size_bytes: int | None) -> str:
    """`size_bytes` in SI units (``MB`` = 10^6): ``512 B``, ``16.4 kB``, ``64.2 MB``, ``1.14 GB``.

    One place after the point, two from a gigabyte on, where the second is still tens of megabytes. `UNKNOWN` for None.
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


def percent(before: int | None, after: int | None) -> float | None:
    """By how many percent `after` is more than `before`. None where either is not known, or where `before` is zero.

    A percentage of zero does not exist: a new image is not "0 %" larger, nor "100 %".
    """
    if before is None or after is None or before == 0:
        return None
    return (after - before) * 100 / before


def format_percent(value: float | None) -> str:
    """`value` with its sign: ``+64 %``, ``−58 %``, ``+0.4 %`` below ten; "" where there is no percentage.

    What is not zero is never written as zero: the smallest figures are ``+<0.1 %`` and ``−<0.1 %``.
    """
    if value is None:
        return ""
    if value == 0:
        return "±0 %"
    sign = "+" if value > 0 else MINUS
    size = abs(value)
    if size < 0.1:
        return f"{sign}<0.1 %"
    return f"{sign}{size:.1f} %" if round(size, 1) < 10 else f"{sign}{size:.0f} %"


def format_share(part: int, whole: int) -> str:
    """How much of `whole` the `part` is: ``38 %``, ``<1 %``; "" where the whole is zero."""
    if whole <= 0:
        return ""
    share = part * 100 / whole
    return "<1 %" if 0 < share < 1 else f"{share:.0f} %"


def bar(part: int, whole: int, *, width: int) -> str:
    """A bar of block characters, at most `width` cells long, as long in `width` as `part` in `whole`.

    Eighths of a cell are drawn; whatever is more than nothing gets at least the thinnest of them.
    """
    if whole <= 0 or part <= 0:
        return ""
    eighths = max(1, min(round(part * width * 8 / whole), width * 8))
    full, rest = divmod(eighths, 8)
    return "█" * full + ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")[rest]


def _magnitude(size_bytes: int) -> str:
    if size_bytes < 1000:
        return f"{size_bytes} B"
    for power, unit in enumerate(_UNITS[1:], start=1):
        places = 2 if power >= 3 else 1
        # Half a unit in the last place below the next unit already rounds up into it: 999.96 kB is 1.0 MB.
        if size_bytes * 10**places * 2 < (1000 * 10**places * 2 - 1) * 1000**power:
            return f"{size_bytes / 1000**power:.{places}f} {unit}"
    return f"{size_bytes / 1000 ** (len(_UNITS) - 1):.2f} {_UNITS[-1]}"
