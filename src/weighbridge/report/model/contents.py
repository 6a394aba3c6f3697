"""Contents of an image in the report: layers, packages, files and folders of base and head, compared."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class LayerChange(enum.StrEnum):
    """How a layer changed between base and head."""

    SAME = "same"
    CHANGED = "changed"
    ADDED = "added"
    REMOVED = "removed"


class FileChange(enum.StrEnum):
    """How a path of the final filesystem changed between base and head."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    MOVED = "moved"


@dataclass(frozen=True, kw_only=True, slots=True)
class LayerRow:
    """One row of the aligned layers of base and head. A side without the layer has ``None``.

    `note` is that of the layer in head (in base if head does not have it); see `LayerReport`.
    """

    change: LayerChange
    instruction: str | None
    line: int | None
    base_bytes: int | None
    head_bytes: int | None
    base_diff_id: str | None
    head_diff_id: str | None
    from_base_image: bool = False
    note: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class PackageRow:
    """One package whose version or size differs. A version is ``None`` on a side without the package.

    If there is only one side, each of its packages has a row. The row of the ecosystem ``other`` is the change of files
    outside of packages. `delta_bytes` is ``None`` for a package without own files: a module in a Go program.
    `from_sbom` marks a package that only an SBOM attached to the image lists.
    """

    ecosystem: str
    name: str
    base_version: str | None
    head_version: str | None
    delta_bytes: int | None
    from_sbom: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class FileRow:
    """One changed file of the final filesystem. `layer` is the index in head's layers (base's if removed).

    A moved file has its old path in `moved_from`, and the same size on both sides.
    """

    path: str
    change: FileChange
    base_bytes: int | None
    head_bytes: int | None
    layer: int | None
    moved_from: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class FolderRow:
    """A folder that explains a part of the change: the number of changed files below it, and their bytes together.

    Head minus base. The folders of a report do not contain each other.
    """

    path: str
    delta_bytes: int
    files: int


@dataclass(frozen=True, kw_only=True, slots=True)
class TextDiff:
    """The unified diff of a small text file that differs; lines that look like secrets are masked: hostile text."""

    path: str
    diff: str
    omitted_lines: int = 0
