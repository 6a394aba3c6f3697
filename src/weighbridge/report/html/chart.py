"""The size history of one image as a line chart: its points, and its labels."""

from __future__ import annotations

from dataclasses import dataclass

from weighbridge.report.model import ImageReport
from weighbridge.report.units import format_bytes
from weighbridge.report.view.memory import trend_sizes

_WIDTH = 640.0
_HEIGHT = 170.0
_EDGE = 10.0
_LEFT = 74.0
_FOOT = 22.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Dot:
    """One size, at its position in the drawing. `kind` distinguishes head from the default branch."""

    x: float
    y: float
    title: str
    kind: str


@dataclass(frozen=True, kw_only=True, slots=True)
class GridLine:
    """A horizontal line of the chart, with its size."""

    y: float
    label: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Chart:
    """The drawing. `line` is the path in SVG syntax. Its axis begins at the smallest size, not at zero."""

    width: float
    height: float
    left: float
    line: str
    lines: tuple[GridLine, ...]
    dots: tuple[Dot, ...]
    first: str
    last: str
    description: str


def trend_chart(image: ImageReport) -> Chart | None:
    """The size history of `image`, ending with head; ``None`` for fewer than two sizes."""
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
                x=_LEFT + _EDGE + index * (_WIDTH - _LEFT - 2 * _EDGE) / (len(sizes) - 1),
                y=_y(height),
                title=f"{title}: {format_bytes(size)}",
                kind="head" if index == len(sizes) - 1 else "branch",
            )
        )
    levels = (0.0, 0.5, 1.0) if span else (0.5,)
    return Chart(
        width=_WIDTH,
        height=_HEIGHT,
        left=_LEFT,
        lines=tuple(GridLine(y=_y(level), label=format_bytes(round(lowest + level * span))) for level in levels),
        line=" ".join(f"{dot.x:.1f},{dot.y:.1f}" for dot in dots),
        dots=tuple(dots),
        first=titles[0],
        last=titles[-1],
        description=f"{len(sizes)} sizes from {format_bytes(sizes[0])} to {format_bytes(sizes[-1])}",
    )


def _y(height: float) -> float:
    """The vertical position of a size, with `height` from 0 (smallest) to 1 (largest)."""
    return _HEIGHT - _FOOT - _EDGE - height * (_HEIGHT - _FOOT - 2 * _EDGE)
