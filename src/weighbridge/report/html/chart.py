"""The history of one image as a line: where its points are, and what is written at its edges."""

from __future__ import annotations

from dataclasses import dataclass

from weighbridge.report.model import ImageReport
from weighbridge.report.units import format_bytes
from weighbridge.report.view.memory import trend_sizes

_WIDTH = 520.0
_HEIGHT = 120.0
_EDGE = 8.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Dot:
    """One size, at its place in the drawing. `kind` tells head from the default branch."""

    x: float
    y: float
    title: str
    kind: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Chart:
    """The drawing. `line` are its corners as SVG writes them; the axis goes from `low` to `high`, not from zero."""

    width: float
    height: float
    line: str
    dots: tuple[Dot, ...]
    low: str
    high: str
    first: str
    last: str
    description: str


def trend_chart(image: ImageReport) -> Chart | None:
    """The history of `image`, head at its end; ``None`` where there are no two sizes."""
    sizes = trend_sizes(image)
    if len(sizes) < 2:
        return None
    lowest, span = min(sizes), max(sizes) - min(sizes)
    titles = [f"{point.at[:10]} {point.commit[:7]}" for point in image.history] + ["head"]
    dots = []
    for index, (size, title) in enumerate(zip(sizes, titles, strict=True)):
        height = (size - lowest) / span if span else 0.5
        dots.append(
            Dot(
                x=_EDGE + index * (_WIDTH - 2 * _EDGE) / (len(sizes) - 1),
                y=_HEIGHT - _EDGE - height * (_HEIGHT - 2 * _EDGE),
                title=f"{title}: {format_bytes(size)}",
                kind="head" if index == len(sizes) - 1 else "branch",
            )
        )
    low, high = format_bytes(lowest), format_bytes(max(sizes))
    return Chart(
        width=_WIDTH,
        height=_HEIGHT,
        line=" ".join(f"{dot.x:.1f},{dot.y:.1f}" for dot in dots),
        dots=tuple(dots),
        low=low,
        high=high,
        first=titles[0],
        last=titles[-1],
        description=f"{len(sizes)} sizes from {format_bytes(sizes[0])} to {format_bytes(sizes[-1])}",
    )
