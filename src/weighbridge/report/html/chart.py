"""The history of one image as a line: where its points are, and what is written at its edges."""

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
    """One size, at its place in the drawing. `kind` tells head from the default branch."""

    x: float
    y: float
    title: str
    kind: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Level:
    """A horizontal line of the chart with the size that it stands for."""

    y: float
    label: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Chart:
    """The drawing. `line` are its corners as SVG writes them. Its axis begins at the smallest size, not at zero."""

    width: float
    height: float
    left: float
    line: str
    lines: tuple[Level, ...]
    dots: tuple[Dot, ...]
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
        lines=tuple(Level(y=_y(level), label=format_bytes(round(lowest + level * span))) for level in levels),
        line=" ".join(f"{dot.x:.1f},{dot.y:.1f}" for dot in dots),
        dots=tuple(dots),
        first=titles[0],
        last=titles[-1],
        description=f"{len(sizes)} sizes from {format_bytes(sizes[0])} to {format_bytes(sizes[-1])}",
    )


def _y(height: float) -> float:
    """The place of a size that is `height` of the way from the smallest to the largest."""
    return _HEIGHT - _FOOT - _EDGE - height * (_HEIGHT - _FOOT - 2 * _EDGE)
