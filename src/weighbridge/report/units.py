"""Formats bytes and percentages for readers: SI units, one decimal place, a true minus sign.

Every renderer formats numbers here, so that one size always has one spelling.
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
    """The difference of `after` to `before` in percent. None if either is unknown, or if `before` is zero.

    A percentage of zero does not exist: a new image is not "0 %" larger, nor "100 %".
    """
    if before is None or after is None or before == 0:
        return None
    return (after - before) * 100 / before


def format_percent(value: float | None) -> str:
    """`value` with its sign: ``+64 %``, ``−58 %``, ``+0.4 %`` below ten; empty without a percentage.

    A value other than zero never becomes zero: the smallest are ``+<0.1 %`` and ``−<0.1 %``.
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
    """The share of `part` in `whole`: ``38 %``, ``<1 %``; empty if the whole is zero."""
    if whole <= 0:
        return ""
    share = part * 100 / whole
    return "<1 %" if 0 < share < 1 else f"{share:.0f} %"


def bar(part: int, whole: int, *, width: int) -> str:
    """A bar of block characters, at most `width` cells long, in proportion of `part` to `whole`.

    Draws eighths of a cell; every value above zero gets at least the thinnest of them.
    """
    if whole <= 0 or part <= 0:
        return ""
    eighths = max(1, min(round(part * width * 8 / whole), width * 8))
    full, rest = divmod(eighths, 8)
    return "█" * full + ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")[rest]


_BLOCKS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[int]) -> str:
    """`values` as block characters, scaled from the lowest to the highest value; equal values give the lowest block."""
    if not values:
        return ""
    lowest, span = min(values), max(values) - min(values)
    if not span:
        return _BLOCKS[0] * len(values)
    return "".join(_BLOCKS[(value - lowest) * (len(_BLOCKS) - 1) // span] for value in values)
