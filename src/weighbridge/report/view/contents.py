"""The contents of an image: its layers, packages, files and folders, most relevant first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from weighbridge.domain.packages.model import NOT_IN_ANY_PACKAGE
from weighbridge.report.escape import visible
from weighbridge.report.model import FileChange, FileRow, FolderRow, ImageReport, LayerChange, LayerRow, PackageRow
from weighbridge.report.units import format_delta
from weighbridge.report.view.sizes import image_delta
from weighbridge.report.view.words import bytes_text

_Row = TypeVar("_Row")

_TOP_FOLDERS = 3

LAYER_MARKS = {LayerChange.ADDED: "+", LayerChange.REMOVED: "−", LayerChange.CHANGED: "±", LayerChange.SAME: ""}
FILE_MARKS = {FileChange.ADDED: "+", FileChange.REMOVED: "−", FileChange.CHANGED: "±", FileChange.MOVED: "→"}


def layer_delta(row: LayerRow) -> int:
    """Head minus base of one row; a missing side counts as 0 bytes."""
    return (row.head_bytes or 0) - (row.base_bytes or 0)


def changed_bytes(row: LayerRow) -> int:
    """The absolute change of a layer in bytes."""
    return abs(layer_delta(row))


def changed_layers(image: ImageReport) -> list[LayerRow]:
    """The rows that differ between the sides, in the order of the image."""
    return [row for row in image.layers if row.change is not LayerChange.SAME]


def main_change(image: ImageReport) -> tuple[LayerRow | None, int] | None:
    """The layer that changed most in the direction of the image's own change, and its change in bytes.

    The layers of the base image count as one, ``None``: it is replaced as a whole. Without a change, returns None.
    """
    delta = image_delta(image)
    if not delta:
        return None
    sign = 1 if delta > 0 else -1
    own: list[tuple[LayerRow | None, int]] = [
        (row, layer_delta(row)) for row in image.layers if not row.from_base_image
    ]
    base_bytes = sum(layer_delta(row) for row in image.layers if row.from_base_image)
    changes: list[tuple[LayerRow | None, int]] = [*own, (None, base_bytes)]
    row, change = max(changes, key=lambda each: sign * each[1])
    return (row, change) if sign * change > 0 else None


def same_layers(image: ImageReport) -> tuple[int, int]:
    """The number of layers on both sides, and their bytes together."""
    same = [row for row in image.layers if row.change is LayerChange.SAME]
    return len(same), sum(row.head_bytes or 0 for row in same)


def weightiest(rows: Sequence[_Row], weight: Callable[[_Row], int], *, maximum: int) -> list[_Row]:
    """At most `maximum` of `rows`, those with the largest `weight`, in their original order."""
    kept = {id(row) for row in sorted(rows, key=lambda row: -weight(row))[:maximum]}
    return [row for row in rows if id(row) in kept]


def has_one_side(image: ImageReport) -> bool:
    """True if there is no comparison: packages then have a version and a size, and no change."""
    return (image.base is None) != (image.head is None)


def package_kind(row: PackageRow) -> str:
    """The ecosystem of a package; of one that only an attached SBOM lists ``deb, SBOM``."""
    return f"{row.ecosystem}, SBOM" if row.from_sbom else row.ecosystem


def package_versions(row: PackageRow, *, one_side: bool) -> list[str | None]:
    """The versions of a package on both sides, or the one of the only side; None for a side without it."""
    if one_side:
        return [row.base_version if row.head_version is None else row.head_version]
    return [row.base_version, row.head_version]


def package_bytes_text(row: PackageRow, *, one_side: bool) -> str:
    """The size of a package if there is one side, otherwise the difference."""
    if not one_side:
        return format_delta(row.delta_bytes)
    return bytes_text(None if row.delta_bytes is None else abs(row.delta_bytes))


def sorted_packages(image: ImageReport) -> list[PackageRow]:
    """The packages, largest difference first; empty if no file belongs to a package."""
    if all(row.name == NOT_IN_ANY_PACKAGE for row in image.packages):
        return []
    return sorted(image.packages, key=lambda row: (-abs(row.delta_bytes or 0), row.ecosystem, row.name))


def packages_left_out(image: ImageReport, *, shown: int) -> int:
    """The number of packages that a table of at most `shown` rows omits; the report itself may omit some too."""
    return max(0, len(image.packages) - shown) + image.packages_omitted


def file_path(row: FileRow) -> str:
    """The path of a file; ``old → new`` for a moved file."""
    return row.path if row.moved_from is None else f"{row.moved_from} → {row.path}"


def file_delta(row: FileRow) -> int | None:
    """Head minus base of one file; None if a side with the file has no size."""
    match row.base_bytes, row.head_bytes:
        case None, None:
            return None
        case base, head:
            return (head or 0) - (base or 0)


def sorted_files(image: ImageReport) -> list[FileRow]:
    """The files, largest difference first."""
    return sorted(image.files, key=lambda row: (-abs(file_delta(row) or 0), row.path))


def files_left_out(image: ImageReport, *, shown: int) -> int:
    """The number of files that a table of at most `shown` rows omits; the report itself may omit some too."""
    return max(0, len(image.files) - shown) + image.files_omitted


def top_folders(image: ImageReport) -> list[FolderRow]:
    """The folders with most of the change."""
    return [row for row in image.folders if row.delta_bytes][:_TOP_FOLDERS]


def folders_text(image: ImageReport) -> str | None:
    """``Where: /usr/lib +41.2 MB, /srv −1.0 MB.``; None if no folder explains the change."""
    folders = [f"{visible(row.path, maximum=120)} {format_delta(row.delta_bytes)}" for row in top_folders(image)]
    return f"Where: {', '.join(folders)}." if folders else None
