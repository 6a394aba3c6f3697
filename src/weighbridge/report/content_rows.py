"""Report rows of an image's content: layers, packages, files, and the causes of its change."""

from __future__ import annotations

from collections.abc import Mapping

from weighbridge.domain.causes import SizeCause
from weighbridge.domain.image.align import LayerPair, WeighedLayer
from weighbridge.domain.image.attribution import MetadataCopies
from weighbridge.domain.image.files import FileDelta
from weighbridge.domain.image.rootfs import Node
from weighbridge.domain.packages.diff import PackageChange
from weighbridge.domain.result.image import ImageResult
from weighbridge.report.model import (
    CausePart,
    CauseRow,
    FileChange,
    FileRow,
    LayerChange,
    LayerReport,
    LayerRow,
    PackageRow,
)
from weighbridge.report.report_text import optional_text, report_text
from weighbridge.report.units import format_bytes


def layer_report(layer: WeighedLayer, copies: MetadataCopies | None) -> LayerReport:
    """A layer of one image. `copies` are its files that only change mode, owner or time."""
    return LayerReport(
        diff_id=layer.diff_id,
        instruction=optional_text(layer.instruction),
        line=layer.line,
        unpacked_bytes=layer.unpacked_bytes,
        download_bytes=layer.download_bytes,
        from_base_image=layer.from_base_image,
        note=_copies_note(copies),
        download_estimated=layer.download_estimated,
    )


def _copies_note(copies: MetadataCopies | None) -> str | None:
    if copies is None:
        return None
    files = "1 file" if copies.files == 1 else f"{copies.files} files"
    return f"{files} copied only to change mode, owner or time: {format_bytes(copies.size_bytes)}"


def cause_row(cause: SizeCause) -> CauseRow:
    """A cause of growth or shrinkage."""
    return CauseRow(
        bytes=cause.bytes,
        kind=cause.kind.value,
        what=report_text(cause.what),
        because=report_text(cause.because),
        path=optional_text(cause.place.path),
        line=cause.place.line,
        via=tuple(map(report_text, cause.via)),
        brings=tuple(
            CausePart(what=report_text(part.what), bytes=part.bytes, via=tuple(map(report_text, part.via)))
            for part in cause.parts
        ),
        brings_omitted=cause.parts_omitted,
    )


def package_row(change: PackageChange) -> PackageRow:
    """A package that differs."""
    return PackageRow(
        ecosystem=change.ecosystem.value,
        name=report_text(change.name),
        base_version=optional_text(change.base_version),
        head_version=optional_text(change.head_version),
        delta_bytes=change.delta_bytes,
        from_sbom=change.is_listed,
    )


def aligned_layers(one: ImageResult) -> tuple[LayerRow, ...]:
    """The aligned layers of base and head."""
    if one.comparison is None:
        return ()
    notes = {
        layer.diff_id: _copies_note(copies)
        for side in (one.base, one.head)
        if side
        for index, layer in enumerate(side.layers)
        if (copies := side.metadata_copies.get(index)) is not None
    }
    return tuple(_layer_row(pair, notes) for pair in one.comparison.layers.rows)


def _layer_row(pair: LayerPair, notes: Mapping[str, str | None]) -> LayerRow:
    layer = pair.head or pair.base
    if layer is None:
        raise AssertionError("a row has at least one side")
    if pair.base is None:
        change = LayerChange.ADDED
    elif pair.head is None:
        change = LayerChange.REMOVED
    else:
        change = LayerChange.SAME if pair.base.diff_id == pair.head.diff_id else LayerChange.CHANGED
    return LayerRow(
        change=change,
        instruction=optional_text(layer.instruction),
        line=layer.line,
        base_bytes=pair.base.unpacked_bytes if pair.base else None,
        head_bytes=pair.head.unpacked_bytes if pair.head else None,
        base_diff_id=pair.base.diff_id if pair.base else None,
        head_diff_id=pair.head.diff_id if pair.head else None,
        from_base_image=layer.from_base_image,
        note=notes.get(layer.diff_id),
    )


def file_rows(one: ImageResult) -> tuple[FileRow, ...]:
    """The files that differ."""
    if one.comparison is None:
        return ()
    base_indices, head_indices = (
        {layer.diff_id: index for index, layer in enumerate(side.layers)} if side else {}
        for side in (one.base, one.head)
    )
    return tuple(_file_row(file, base_indices, head_indices) for file in one.comparison.files)


def _file_row(delta: FileDelta, base_indices: Mapping[str, int], head_indices: Mapping[str, int]) -> FileRow:
    if delta.link is not None:
        change = FileChange.CHANGED
    elif delta.base is None:
        change = FileChange.ADDED
    else:
        change = FileChange.REMOVED if delta.head is None else FileChange.CHANGED
    moved_from = delta.base.path if delta.base and delta.head and delta.base.path != delta.head.path else None
    if moved_from is not None:
        change = FileChange.MOVED
    layer = head_indices.get(delta.head.diff_id) if delta.head else None
    if delta.head is None and delta.base is not None:
        layer = base_indices.get(delta.base.diff_id)
    return FileRow(
        path=report_text(delta.path),
        change=change,
        base_bytes=_file_bytes(delta.base, delta.link),
        head_bytes=_file_bytes(delta.head, delta.link),
        layer=layer,
        moved_from=optional_text(moved_from),
    )


def _file_bytes(node: Node | None, link: str | None) -> int | None:
    """The size of one side of a file: a hard link counts as 0 bytes."""
    if node is not None:
        return node.size_bytes
    return None if link is None else 0
