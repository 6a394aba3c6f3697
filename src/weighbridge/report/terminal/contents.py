"""The contents of an image: tables of its layers, packages and files."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from weighbridge.report.escape import visible
from weighbridge.report.model import ImageReport, ImageSide, LayerReport, LayerRow
from weighbridge.report.terminal.elements import (
    BASE,
    FAINT,
    GROWS,
    ROWS,
    SHRINKS,
    WIDE_FROM_COLUMNS,
    delta_cell,
    delta_style,
    more_line,
)
from weighbridge.report.units import bar, format_bytes, format_share
from weighbridge.report.view.contents import (
    FILE_MARKS,
    LAYER_MARKS,
    changed_bytes,
    changed_layers,
    file_delta,
    file_path,
    files_left_out,
    has_one_side,
    layer_delta,
    package_bytes_text,
    package_kind,
    package_versions,
    packages_left_out,
    same_layers,
    sorted_files,
    sorted_packages,
    weightiest,
)
from weighbridge.report.view.words import ABSENT, bytes_text, layer_name, more_text, plural

_LAYER_ROWS = 30


def changed_layers_table(image: ImageReport, width: int) -> RenderableType:
    """The layers with the largest changes, and the number of layers on both sides."""
    changed = changed_layers(image)
    largest = max(map(changed_bytes, changed))
    weighty = weightiest(changed, changed_bytes, maximum=_LAYER_ROWS)
    table = _table("layers", ("base", "right"), ("head", "right"), ("change", "right"), ("", "left"))
    for row in weighty:
        delta = layer_delta(row)
        table.add_row(
            _line(row.line),
            _instruction(row.instruction, from_base_image=row.from_base_image, mark=LAYER_MARKS[row.change]),
            Text(bytes_text(row.base_bytes)),
            Text(bytes_text(row.head_bytes)),
            delta_cell(delta),
            Text(bar(abs(delta), largest, width=_bar_cells(width)), style=GROWS if delta > 0 else SHRINKS),
        )
    lines = _notes(weighty)
    more = len(changed) - len(weighty)
    if more:
        lines.append(f"{more_text(more, 'layer')} with smaller changes")
    same_count, same_bytes = same_layers(image)
    if same_count:
        lines.append(f"{same_count} {plural(same_count, 'layer')} on both sides, {format_bytes(same_bytes)}")
    return Group(Text(), table, *(Text(line, style=FAINT) for line in lines))


def layers_table(side: ImageSide, width: int) -> RenderableType:
    """The layers of one side, with their shares."""
    table = _table("layers", ("size", "right"), ("share", "right"), ("", "left"))
    largest = max(layer.unpacked_bytes for layer in side.layers)
    shown = weightiest(side.layers, lambda layer: layer.unpacked_bytes, maximum=_LAYER_ROWS)
    for layer in shown:
        table.add_row(
            _line(layer.line),
            _instruction(layer.instruction, from_base_image=layer.from_base_image),
            Text(format_bytes(layer.unpacked_bytes)),
            Text(format_share(layer.unpacked_bytes, side.unpacked_bytes)),
            Text(bar(layer.unpacked_bytes, largest, width=_bar_cells(width)), style=BASE),
        )
    notes = [Text(note, style=FAINT) for note in _notes(shown)]
    return Group(Text(), table, *notes, *more_line(len(side.layers) - len(shown), "layer"))


def _table(title: str, *columns: tuple[str, str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, expand=True)
    table.add_column("line", justify="right", no_wrap=True, style=FAINT)
    table.add_column(title, ratio=1, no_wrap=True, overflow="ellipsis")
    for name, justify in columns:
        table.add_column(name, justify="right" if justify == "right" else "left", no_wrap=True)
    return table


def _bar_cells(width: int) -> int:
    return 8 if width < WIDE_FROM_COLUMNS else 16


def _line(line: int | None) -> Text:
    return Text("" if line is None else str(line))


def _instruction(instruction: str | None, *, from_base_image: bool, mark: str = "") -> Text:
    shown = Text(f"{mark} " if mark else "")
    if from_base_image:
        shown.append("base image: ", style=BASE)
    return shown.append(visible(layer_name(instruction), maximum=200))


def _notes(layers: Sequence[LayerRow | LayerReport]) -> list[str]:
    """Notes on single layers: below the table, because a column may be too narrow."""
    said = []
    for layer in layers:
        if layer.note:
            named = visible(layer_name(layer.instruction), maximum=60)
            place = named if layer.line is None else f"line {layer.line}"
            said.append(f"{place}: {visible(layer.note, maximum=200)}")
    return said


def packages_table(image: ImageReport) -> RenderableType:
    """The packages with their versions on both sides, or on the only side."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("package", overflow="fold")
    one_side = has_one_side(image)
    for title in ("version",) if one_side else ("base", "head"):
        table.add_column(title, overflow="fold")
    table.add_column("size" if one_side else "change", justify="right", no_wrap=True)
    for row in sorted_packages(image)[:ROWS]:
        name = Text(visible(row.name, maximum=80))
        name.append(f" {visible(package_kind(row), maximum=30)}", style=FAINT)
        known = package_versions(row, one_side=one_side)
        versions = (Text(ABSENT if version is None else visible(version, maximum=60)) for version in known)
        style = "" if one_side else delta_style(row.delta_bytes)
        table.add_row(name, *versions, Text(package_bytes_text(row, one_side=one_side), style=style))
    return Group(Text(), table, *more_line(packages_left_out(image, shown=ROWS), "package"))


def files_table(image: ImageReport) -> RenderableType:
    """The changed files, largest difference first."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("file", overflow="fold")
    for title in ("base", "head", "change"):
        table.add_column(title, justify="right", no_wrap=True)
    for row in sorted_files(image)[:ROWS]:
        table.add_row(
            Text(f"{FILE_MARKS[row.change]} {visible(file_path(row), maximum=400)}"),
            Text(bytes_text(row.base_bytes)),
            Text(bytes_text(row.head_bytes)),
            delta_cell(file_delta(row)),
        )
    return Group(Text(), table, *more_line(files_left_out(image, shown=ROWS), "file"))
