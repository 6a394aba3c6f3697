"""Strips of layers, base above head: the rows of the diff in order, with a width in proportion to their bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from weighbridge.report.html.layers import MAXIMUM_LAYERS
from weighbridge.report.model import ImageReport, ImageSide, LayerChange, LayerReport
from weighbridge.report.units import format_bytes
from weighbridge.report.view.words import layer_name

WIDTH = 1000.0
_LANE_HEIGHT = 30.0
_LANE_DISTANCE = 36.0
_LEAST_COLUMN = 7.0


@dataclass(frozen=True, kw_only=True, slots=True)
class LayerSegment:
    """One layer of one side, with its position in the drawing. `index` is its number in the image, from 0."""

    side: str
    index: int
    kind: str
    x: float
    y: float
    width: float
    height: float
    title: str
    is_base_image: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Timeline:
    """The strips of an image. A layer of only one side leaves a gap in the other strip."""

    width: float
    height: float
    sides: tuple[str, ...]
    segments: tuple[LayerSegment, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Column:
    """A row of the diff: the layer of each side with its number, if it exists."""

    base: tuple[int, LayerReport] | None
    head: tuple[int, LayerReport] | None
    change: LayerChange | None

    @property
    def largest_bytes(self) -> int:
        return max((side[1].unpacked_bytes for side in (self.base, self.head) if side), default=0)


def timeline(image: ImageReport) -> Timeline | None:
    """The strips of `image`; ``None`` if no layer is known."""
    columns = _columns(image)[:MAXIMUM_LAYERS]
    if not columns:
        return None
    sides = tuple(name for name, side in (("base", image.base), ("head", image.head)) if side is not None)
    total = sum(column.largest_bytes for column in columns)
    free = max(0.0, WIDTH - _LEAST_COLUMN * len(columns))
    segments: list[LayerSegment] = []
    x = 0.0
    for column in columns:
        share = free * column.largest_bytes / total if total else free / len(columns)
        width = min(_LEAST_COLUMN, WIDTH / len(columns)) + share
        for lane, (name, layer) in enumerate((side, getattr(column, side)) for side in sides):
            if layer is not None:
                segments.append(_segment(name, layer, column, x=x, y=lane * _LANE_DISTANCE, width=width))
        x += width
    height = _LANE_DISTANCE * (len(sides) - 1) + _LANE_HEIGHT
    return Timeline(width=WIDTH, height=height, sides=sides, segments=tuple(segments))


def _segment(
    name: str, numbered: tuple[int, LayerReport], column: _Column, *, x: float, y: float, width: float
) -> LayerSegment:
    index, layer = numbered
    largest = column.largest_bytes
    part = layer.unpacked_bytes / largest if largest else 1.0
    line = f", line {layer.line}" if layer.line is not None else ""
    kind = "base-image" if layer.from_base_image else "own"
    if column.change is not None and column.change is not LayerChange.SAME:
        kind = column.change.value
    word = f", {column.change.value}" if column.change else ""
    return LayerSegment(
        side=name,
        index=index,
        kind=kind,
        x=x,
        y=y,
        width=max(_LEAST_COLUMN / 2, (width - 1.5) * part) if width > _LEAST_COLUMN else width * 0.8,
        height=_LANE_HEIGHT,
        title=f"layer {index}{line}: {layer_name(layer.instruction)} · {format_bytes(layer.unpacked_bytes)}{word}",
        is_base_image=layer.from_base_image,
    )


def _columns(image: ImageReport) -> list[_Column]:
    if image.base is not None and image.head is not None and image.layers:
        base, head = _Numbered(image.base), _Numbered(image.head)
        return [
            _Column(base=base.take(row.base_diff_id), head=head.take(row.head_diff_id), change=row.change)
            for row in image.layers
        ]
    is_head = image.head is not None
    side = image.head or image.base
    numbered: Sequence[tuple[int, LayerReport]] = list(enumerate(side.layers)) if side is not None else []
    return [_Column(base=None if is_head else one, head=one if is_head else None, change=None) for one in numbered]


class _Numbered:
    """The layers of one side by diff ID. Layers with the same diff ID keep their order."""

    def __init__(self, side: ImageSide) -> None:
        self._layers: dict[str, list[tuple[int, LayerReport]]] = {}
        for index, layer in enumerate(side.layers):
            self._layers.setdefault(layer.diff_id, []).append((index, layer))

    def take(self, diff_id: str | None) -> tuple[int, LayerReport] | None:
        found = self._layers.get(diff_id) if diff_id else None
        return found.pop(0) if found else None
