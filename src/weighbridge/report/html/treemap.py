"""Squarified treemaps: rectangles whose areas are as the values, as near to squares as may be.

The layout is that of Bruls, Huizing and van Wijk, "Squarified Treemaps" (2000), without its recursion: a row is laid
along the shorter side of what is left, and takes values as long as its worst rectangle gets no longer and thinner.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Rectangle:
    """A rectangle in the units of the drawing, its upper left corner at `x`, `y`."""

    x: float
    y: float
    width: float
    height: float

    def inset(self, margin: float, *, top: float) -> Rectangle:
        """The rectangle without a margin all round and `top` more at its upper side; never less than nothing."""
        return Rectangle(
            x=self.x + margin,
            y=self.y + top,
            width=max(0.0, self.width - 2 * margin),
            height=max(0.0, self.height - top - margin),
        )


def squarify(values: Sequence[int], area: Rectangle) -> list[Rectangle]:
    """A rectangle in `area` for each of `values`, in their order; one without extent for what is not above zero.

    The values should come largest first, which gives the best squares. The time taken grows with their number.
    """
    total = sum(value for value in values if value > 0)
    placed = [Rectangle(x=area.x, y=area.y, width=0.0, height=0.0) for _ in values]
    if total <= 0 or area.width <= 0 or area.height <= 0:
        return placed
    scale = area.width * area.height / total
    pending = [(index, value * scale) for index, value in enumerate(values) if value > 0]
    free = area
    start = 0
    while start < len(pending):
        end, row_size = _row_end(pending, start, min(free.width, free.height))
        free = _lay(pending[start:end], row_size, free, placed)
        start = end
    return placed


def _row_end(pending: Sequence[tuple[int, float]], start: int, side: float) -> tuple[int, float]:
    """Where the row that begins at `start` ends, and the sum of its sizes."""
    row_size = smallest = largest = pending[start][1]
    worst = _worst(smallest, largest, row_size, side)
    end = start + 1
    while end < len(pending):
        size = pending[end][1]
        candidate = _worst(min(smallest, size), max(largest, size), row_size + size, side)
        if candidate > worst:
            break
        worst, row_size = candidate, row_size + size
        smallest, largest = min(smallest, size), max(largest, size)
        end += 1
    return end, row_size


def _worst(smallest: float, largest: float, row_size: float, side: float) -> float:
    """The longest to the shortest side of the worst rectangle in a row of sizes that add up to `row_size`."""
    if side <= 0 or row_size <= 0 or smallest <= 0:
        return float("inf")
    square = side * side
    return max(square * largest / (row_size * row_size), row_size * row_size / (square * smallest))


def _lay(row: Sequence[tuple[int, float]], row_size: float, free: Rectangle, placed: list[Rectangle]) -> Rectangle:
    """Put a row along the shorter side of `free`; what is free afterwards."""
    if free.width >= free.height:
        thickness = min(free.width, row_size / free.height) if free.height else 0.0
        y = free.y
        for index, size in row:
            height = size / thickness if thickness else 0.0
            placed[index] = Rectangle(x=free.x, y=y, width=thickness, height=height)
            y += height
        return Rectangle(x=free.x + thickness, y=free.y, width=max(0.0, free.width - thickness), height=free.height)
    thickness = min(free.height, row_size / free.width) if free.width else 0.0
    x = free.x
    for index, size in row:
        width = size / thickness if thickness else 0.0
        placed[index] = Rectangle(x=x, y=free.y, width=width, height=thickness)
        x += width
    return Rectangle(x=free.x, y=free.y + thickness, width=free.width, height=max(0.0, free.height - thickness))
