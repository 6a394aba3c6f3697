"""Finds hidden bytes of an image: files that a later layer rewrites, removes or touches.

`find_waste` counts each hidden copy, so N copies of a file waste N−1 of them, and tells whether the base image or the
Dockerfile hid it. dive counts all N copies: see `weighbridge.domain.image.efficiency`.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from weighbridge.domain.image.tree import FileTree, HiddenFile


class Hiding(enum.StrEnum):
    """How a later layer hides a copy."""

    REWRITTEN = "rewritten"
    """A later layer has other content at the same path."""
    METADATA_ONLY = "metadata-only"
    """A later layer has the same content with another mode, owner or time."""
    REMOVED = "removed"
    """A later layer removed it, or a directory above it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HiddenCopy:
    """A regular file in `layer` that layer `hidden_by` makes invisible in a container (both indices, lowest is 0)."""

    path: str
    size_bytes: int
    layer: int
    hidden_by: int
    how: Hiding


@dataclass(frozen=True, kw_only=True, slots=True)
class Waste:
    """All hidden copies of an image. `inherited` are those that the base image's own layers hide."""

    own: tuple[HiddenCopy, ...]
    inherited: tuple[HiddenCopy, ...]

    @property
    def wasted_bytes(self) -> int:
        """Σ of all hidden copies, including the inherited ones."""
        return self.own_bytes + self.inherited_bytes

    @property
    def own_bytes(self) -> int:
        """Σ of the copies that the Dockerfile's own layers hide."""
        return sum(copy.size_bytes for copy in self.own)

    @property
    def inherited_bytes(self) -> int:
        """Σ of the copies that are hidden inside the base image."""
        return sum(copy.size_bytes for copy in self.inherited)


def find_waste(tree: FileTree, *, base_image_layers: int = 0) -> Waste:
    """Every hidden copy; the first `base_image_layers` layers belong to the base image.

    A file with several names (hard links) is hidden once the last of them is gone.
    """
    hidden = [_hidden_copy(tree, one) for one in tree.hidden]
    hidden.sort(key=lambda copy: (-copy.size_bytes, copy.path, copy.layer))
    return Waste(
        own=tuple(copy for copy in hidden if copy.hidden_by >= base_image_layers),
        inherited=tuple(copy for copy in hidden if copy.hidden_by < base_image_layers),
    )


def _hidden_copy(tree: FileTree, hidden: HiddenFile) -> HiddenCopy:
    return HiddenCopy(
        path=tree.stored_path(hidden.file),
        size_bytes=tree.sizes[hidden.file],
        layer=tree.layer_of(hidden.file),
        hidden_by=hidden.hidden_by,
        how=_how(tree, hidden.file, hidden.cover),
    )


def _how(tree: FileTree, file: int, cover: int | None) -> Hiding:
    if cover is None:
        return Hiding.REMOVED
    if tree.sizes[cover] != tree.sizes[file]:
        return Hiding.REWRITTEN
    digest = _digest(tree, cover)
    return Hiding.METADATA_ONLY if digest is not None and digest == _digest(tree, file) else Hiding.REWRITTEN


def _digest(tree: FileTree, file: int) -> str | None:
    layer = tree.layer_of(file)
    return tree.changesets[layer].digest(tree.columns[layer][file - tree.starts[layer]])
