"""The contents of an image: tables of its layers, packages and files."""

from __future__ import annotations

from weighbridge.report.escape import Markdown, code, figure, text
from weighbridge.report.markdown.elements import NONE, drawn_bar, template
from weighbridge.report.model import ImageReport, ImageSide, LayerRow
from weighbridge.report.units import format_bytes, format_delta, format_share
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
from weighbridge.report.view.words import bytes_text, layer_name, more_text, plural

_LAYER_ROWS = 15
_PACKAGE_ROWS = 10
_FILE_ROWS = 10


def layers_table(image: ImageReport) -> Markdown:
    """The layers with the largest changes; empty if none changed."""
    changed = changed_layers(image)
    if not changed:
        return Markdown("")
    largest = max(map(changed_bytes, changed))
    weighty = weightiest(changed, changed_bytes, maximum=_LAYER_ROWS)
    same_count, same_bytes = same_layers(image)
    more = len(changed) - len(weighty)
    return template(
        "layers",
        rows=[_layer_row(row, largest) for row in weighty],
        same_count=same_count,
        same_noun=plural(same_count, "layer"),
        same_size=figure(format_bytes(same_bytes)),
        more=f"{more_text(more, 'layer')} with smaller changes" if more else "",
    )


def _layer_row(row: LayerRow, largest: int) -> dict[str, Markdown]:
    delta = layer_delta(row)
    return {
        "icon": Markdown(LAYER_MARKS[row.change]),
        "line": NONE if row.line is None else Markdown(str(row.line)),
        "instruction": _instruction(row.instruction, row.note, from_base_image=row.from_base_image),
        "base": figure(bytes_text(row.base_bytes)),
        "head": figure(bytes_text(row.head_bytes)),
        "change": figure(format_delta(delta)),
        "bar": drawn_bar(abs(delta), largest),
    }


def inspected_layers_table(side: ImageSide | None) -> Markdown:
    """The layers of a single image, with their shares."""
    if side is None or not side.layers:
        return Markdown("")
    weighty = weightiest(side.layers, lambda layer: layer.unpacked_bytes, maximum=_LAYER_ROWS)
    largest = max(layer.unpacked_bytes for layer in weighty)
    more = len(side.layers) - len(weighty)
    rows = [
        {
            "line": NONE if layer.line is None else Markdown(str(layer.line)),
            "instruction": _instruction(layer.instruction, layer.note, from_base_image=layer.from_base_image),
            "size": figure(format_bytes(layer.unpacked_bytes)),
            "share": text(format_share(layer.unpacked_bytes, side.unpacked_bytes)),
            "bar": drawn_bar(layer.unpacked_bytes, largest),
        }
        for layer in weighty
    ]
    return template("inspected", rows=rows, more=f"and {more} smaller {plural(more, 'layer')}" if more else "")


def _instruction(instruction: str | None, note: str | None, *, from_base_image: bool) -> Markdown:
    shown = code(layer_name(instruction), maximum=90)
    if from_base_image:
        shown = Markdown(f"{shown} <sub>base image</sub>")
    return Markdown(f"{shown}<br><sub>{text(note, maximum=200)}</sub>") if note else shown


def packages_table(image: ImageReport) -> Markdown:
    """The packages with their versions on both sides, or on the only side."""
    packages = sorted_packages(image)
    if not packages:
        return Markdown("")
    one_side = has_one_side(image)
    rows = [
        {
            "name": code(row.name, maximum=60),
            "ecosystem": text(package_kind(row), maximum=30),
            "versions": [
                NONE if version is None else code(version, maximum=40)
                for version in package_versions(row, one_side=one_side)
            ],
            "bytes": figure(package_bytes_text(row, one_side=one_side)),
        }
        for row in packages[:_PACKAGE_ROWS]
    ]
    return template(
        "packages",
        rows=rows,
        one_side=one_side,
        more=more_text(packages_left_out(image, shown=_PACKAGE_ROWS), "package"),
    )


def files_table(image: ImageReport) -> Markdown:
    """The changed files, largest difference first."""
    files = sorted_files(image)
    if not files:
        return Markdown("")
    rows = [
        {
            "icon": Markdown(FILE_MARKS[row.change]),
            "path": code(file_path(row), maximum=200 if row.moved_from else 120),
            "base": figure(bytes_text(row.base_bytes)),
            "head": figure(bytes_text(row.head_bytes)),
            "change": figure(format_delta(file_delta(row))),
        }
        for row in files[:_FILE_ROWS]
    ]
    return template("files", rows=rows, more=more_text(files_left_out(image, shown=_FILE_ROWS), "file"))
