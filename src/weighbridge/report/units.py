"""Bytes and percentages as a reader wants them: SI units, one place after the point, a true minus sign.

Every renderer takes its numbers from here, so that two of them never write one size in two ways.
"""

from __future__ import annotations

from collections.abc import Sequence

from weighbridge.domain.units import MINUS, UNKNOWN, format_bytes, format_delta

__all__ = [
    "MINUS",
    "UNKNOWN",
    "bar",
    "format_bytes",
    "format_delta",
    "format_percent",
    "format_share",
    "percent",
    "sparkline",
]


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


_BLOCKS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[int]) -> str:
    """`values` as blocks of text, one each, from the lowest to the highest of them; all alike are on the ground."""
    if not values:
        return ""
    lowest, span = min(values), max(values) - min(values)
    if not span:
        return _BLOCKS[0] * len(values)
    return "".join(_BLOCKS[(value - lowest) * (len(_BLOCKS) - 1) // span] for value in values)
