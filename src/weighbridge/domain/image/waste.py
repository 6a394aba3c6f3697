"""Finds hidden bytes of an image: files that a later layer rewrites, removes or touches.

There are two metrics. `find_waste` counts each hidden copy, so N copies of a file waste N−1 of them, and tells whether
the base image or the Dockerfile hid it. `dive_efficiency` is dive's score, which counts all N copies as inefficient; it
makes the results of the two tools comparable.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from weighbridge.domain.image.layer import Changeset, EntryKind
from weighbridge.domain.image.tree import FileTree, HiddenFile, Inode


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
    hidden = [_hidden_copy(tree.changesets, one) for one in tree.hidden]
    hidden.sort(key=lambda copy: (-copy.size_bytes, copy.path, copy.layer))
    return Waste(
        own=tuple(copy for copy in hidden if copy.hidden_by >= base_image_layers),
        inherited=tuple(copy for copy in hidden if copy.hidden_by < base_image_layers),
    )


def _hidden_copy(changesets: Sequence[Changeset], hidden: HiddenFile) -> HiddenCopy:
    inode = hidden.inode
    return HiddenCopy(
        path=inode.stored_path,
        size_bytes=inode.entry.size_bytes,
        layer=inode.layer,
        hidden_by=hidden.hidden_by,
        how=_how(changesets, inode, hidden.cover),
    )


def _how(changesets: Sequence[Changeset], inode: Inode, cover: Inode | None) -> Hiding:
    if cover is None:
        return Hiding.REMOVED
    if cover.entry.size_bytes != inode.entry.size_bytes:
        return Hiding.REWRITTEN
    digest = changesets[cover.layer].digest(cover.entry)
    same = digest is not None and digest == changesets[inode.layer].digest(inode.entry)
    return Hiding.METADATA_ONLY if same else Hiding.REWRITTEN


def dive_efficiency(changesets: Sequence[Changeset]) -> float:
    """The efficiency score as dive computes it (its dive/filetree/efficiency.go), 0 to 1.

    For each path that is a leaf in a layer's tree: the smallest of its sizes over all layers divided by their sum,
    taken over all paths. A whiteout counts as a leaf, with size 0 for a file and the removed size for a directory.
    """
    least: dict[str, int] = {}
    discovered_bytes = 0
    # The size of a removed directory depends on the lower layers; skip that work if nothing is removed.
    below = _Tree() if any(_removals(changeset) for changeset in changesets) else None
    for changeset in changesets:
        for path, (own_bytes, is_whiteout) in _leaves(changeset).items():
            size_bytes = below.directory_bytes(path) if is_whiteout and below is not None else own_bytes
            discovered_bytes += size_bytes
            least[path] = min(least.get(path, size_bytes), size_bytes)
        if below is not None:
            below.apply(changeset)
    return sum(least.values()) / discovered_bytes if discovered_bytes else 1.0


def _removals(changeset: Changeset) -> bool:
    return any(entry.kind is EntryKind.WHITEOUT for entry in changeset.entries)


def _leaves(changeset: Changeset) -> dict[str, tuple[int, bool]]:
    """Size and whiteout flag of each leaf of a layer, by path."""
    found: dict[str, tuple[int, bool]] = {}
    inner: set[str] = set()
    for entry in changeset.entries:
        path = entry.path
        if not path or entry.kind is EntryKind.OPAQUE:
            continue
        found[path] = entry.size_bytes, entry.kind is EntryKind.WHITEOUT
        while path := path.rpartition("/")[0]:
            if path in inner:
                break
            inner.add(path)
    for path in inner:
        found.pop(path, None)
    return found


class _Tree:
    """A file tree as in dive: sizes by name. `children` is ``None`` if it never had any."""

    __slots__ = ("children", "size_bytes")

    def __init__(self) -> None:
        self.children: dict[str, _Tree] | None = None
        self.size_bytes = 0

    def apply(self, changeset: Changeset) -> None:
        """Add a layer to the tree; an opaque directory hides nothing here, as in dive."""
        for entry in changeset.entries:
            if entry.kind is EntryKind.WHITEOUT:
                self._remove(entry.path)
            elif entry.kind is not EntryKind.OPAQUE:
                self._put(entry.path, entry.size_bytes)

    def directory_bytes(self, path: str) -> int:
        """Σ of everything below a directory; 0 for a file or a missing path."""
        node = self._find(path)
        if node is None or not node.children:
            return 0
        total = 0
        stack = [node]
        while stack:
            node = stack.pop()
            total += node.size_bytes
            if node.children:
                stack.extend(node.children.values())
        return total

    def _put(self, path: str, size_bytes: int) -> None:
        node = self
        for name in path.split("/") if path else ():
            if node.children is None:
                node.children = {}
            child = node.children.get(name)
            if child is None:
                child = node.children[name] = _Tree()
            node = child
        node.size_bytes = size_bytes

    def _remove(self, path: str) -> None:
        head, _, name = path.rpartition("/")
        parent = self._find(head)
        if parent is not None and parent.children is not None:
            parent.children.pop(name, None)

    def _find(self, path: str) -> _Tree | None:
        node: _Tree | None = self
        for name in path.split("/") if path else ():
            node = node.children.get(name) if node is not None and node.children is not None else None
        return node
