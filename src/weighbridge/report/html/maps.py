"""The maps of an image: its layers, and in them the files that changed, as areas."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from weighbridge.report.escape import visible
from weighbridge.report.html.layers import MAXIMUM_LAYERS
from weighbridge.report.html.treemap import Rectangle, squarify
from weighbridge.report.model import FileChange, ImageReport, ImageSide, LayerChange, Status
from weighbridge.report.units import format_bytes
from weighbridge.report.view.words import layer_name, plural

_MAP_WIDTH = 520.0
_MAP_HEIGHT = 300.0
_LONE_MAP_HEIGHT = 170.0
_LEAST_MAP_HEIGHT = 18.0
_LABEL_HEIGHT = 17.0
_CHARACTER_WIDTH = 6.4
_FILES_IN_A_MAP = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Tile:
    """One rectangle of a treemap with its colour class, tool tip and, where it fits, its label and its size."""

    area: Rectangle
    kind: str
    title: str
    label: str
    size: str
    text_x: float
    label_y: float
    size_y: float


@dataclass(frozen=True, kw_only=True, slots=True)
class TreeMap:
    """The drawing of one side of an image. Both sides of an image have the same bytes to the square pixel."""

    side: str
    total: str
    width: float
    height: float
    tiles: tuple[Tile, ...]
    description: str


def layer_maps(image: ImageReport) -> list[TreeMap]:
    """A map for each side, both to one scale; none of an image that did not change."""
    sides = [(name, side) for name, side in (("base", image.base), ("head", image.head)) if side is not None]
    largest = max((side.unpacked_bytes for _, side in sides), default=0)
    if largest <= 0 or image.status is Status.UNCHANGED:
        return []
    # Of an image with one side all is new or gone: its colours say what came with the base image.
    compared = image.layers if image.base is not None and image.head is not None else ()
    changes = {
        "base": {row.base_diff_id: row.change for row in compared if row.base_diff_id},
        "head": {row.head_diff_id: row.change for row in compared if row.head_diff_id},
    }
    return [_map(name, side, largest, changes[name], image) for name, side in sides]


def _map(name: str, side: ImageSide, largest: int, changes: dict[str, LayerChange], image: ImageReport) -> TreeMap:
    full = _MAP_HEIGHT if image.base is not None and image.head is not None else _LONE_MAP_HEIGHT
    height = max(_LEAST_MAP_HEIGHT, full * side.unpacked_bytes / largest)
    layers = sorted(enumerate(side.layers), key=lambda pair: -pair[1].unpacked_bytes)[:MAXIMUM_LAYERS]
    areas = squarify(
        [layer.unpacked_bytes for _, layer in layers], Rectangle(x=0, y=0, width=_MAP_WIDTH, height=height)
    )
    files = _files_by_layer(image, name)
    tiles: list[Tile] = []
    for (index, layer), area in zip(layers, areas, strict=True):
        if area.width < 0.5 or area.height < 0.5:
            continue
        kind = "base-image" if layer.from_base_image else "own"
        change = changes.get(layer.diff_id)
        if change in {LayerChange.ADDED, LayerChange.REMOVED, LayerChange.CHANGED}:
            kind += f" {change.value}"
        instruction = layer_name(layer.instruction)
        size = format_bytes(layer.unpacked_bytes)
        line = f", line {layer.line}" if layer.line is not None else ""
        title = f"{instruction} · {size}{line}"
        tiles.append(_labelled(area, kind, title, instruction, size))
        tiles += _file_tiles(area, layer.unpacked_bytes, files.get(index, []))
    total = format_bytes(side.unpacked_bytes)
    return TreeMap(
        side=name,
        total=total,
        width=_MAP_WIDTH,
        height=height,
        tiles=tuple(tiles),
        description=f"{name}: {total} in {len(side.layers)} {plural(len(side.layers), 'layer')}",
    )


def _files_by_layer(image: ImageReport, side: str) -> dict[int, list[tuple[str, int]]]:
    """The files that the report names, by the layer of `side` they are in, largest first."""
    found: dict[int, list[tuple[str, int]]] = {}
    for row in image.files:
        size = row.base_bytes if row.change is FileChange.REMOVED else row.head_bytes
        belongs = "base" if row.change is FileChange.REMOVED else "head"
        if belongs == side and row.layer is not None and size:
            found.setdefault(row.layer, []).append((row.path, size))
    return {layer: sorted(files, key=lambda file: -file[1])[:_FILES_IN_A_MAP] for layer, files in found.items()}


def _file_tiles(layer: Rectangle, layer_bytes: int, files: Sequence[tuple[str, int]]) -> Iterable[Tile]:
    """Tiles for the named files inside the tile of their layer, where there is room; the rest stays blank."""
    inner = layer.inset(3, top=_LABEL_HEIGHT * 2 + 2)
    known = sum(size for _, size in files)
    if not files or known > layer_bytes or inner.width < 40 or inner.height < 20:
        return
    areas = squarify([*(size for _, size in files), layer_bytes - known], inner)
    for (path, size_bytes), area in zip(files, areas, strict=False):
        if area.width >= 1 and area.height >= 1:
            size = format_bytes(size_bytes)
            yield _labelled(area, "file", f"{path} · {size}", path.rsplit("/", 1)[-1], size)


def _labelled(area: Rectangle, kind: str, title: str, label: str, size: str) -> Tile:
    room = int((area.width - 10) / _CHARACTER_WIDTH)
    fits = room >= 4 and area.height >= _LABEL_HEIGHT
    return Tile(
        area=area,
        kind=kind,
        title=title,
        label=visible(label, maximum=room) if fits else "",
        size=size if fits and area.height >= _LABEL_HEIGHT * 2 and room >= len(size) else "",
        text_x=area.x + 5,
        label_y=area.y + 13,
        size_y=area.y + 28,
    )
