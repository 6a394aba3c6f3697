"""The files of an image as a tree of plain columns, indexed by node: built once, fast for 200,000 files.

A node is a path of the final filesystem of head or base, or of a hidden copy. A parent has a lower index than its
children, so one backward pass adds up all folders.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence

from weighbridge.domain.image.layer import EntryKind
from weighbridge.domain.image.rootfs import Rootfs
from weighbridge.domain.image.weighed import WeighedImage
from weighbridge.explore.subject import BrowsedImage

ROOT = 0
NONE = -1
"""No layer or no package."""


class NodeChange(enum.Enum):
    """How a path changed between base and head, with its mark. `HIDDEN`: only a lower layer has it."""

    SAME = " "
    ADDED = "+"
    REMOVED = "−"
    GROWN = "▲"
    SHRUNK = "▼"
    CHANGED = "±"
    HIDDEN = "✗"


class FileColumns:
    """Columns by node. Sizes are bytes; the size of a folder is the sum of its content.

    A file with several names (hard links) counts at its first name. `wasted_bytes` are hidden copies. `layer` is the
    index of the layer that wrote the path, in head (in base for a removed path). `package` is the index in head's
    packages. Both are `NONE` if unknown. `files` counts the files of head. `differing` counts files that are in base or
    head only, or that have other content.
    """

    def __init__(self) -> None:
        self.paths: list[str] = [""]
        self.parents: list[int] = [NONE]
        self.kinds: list[EntryKind] = [EntryKind.DIRECTORY]
        self.head_bytes: list[int] = [0]
        self.base_bytes: list[int] = [0]
        self.wasted_bytes: list[int] = [0]
        self.files: list[int] = [0]
        self.differing: list[int] = [0]
        self.layers: list[int] = [NONE]
        self.packages: list[int] = [NONE]
        self.in_head = bytearray(b"\1")
        self.in_base = bytearray(b"\1")
        self.children: dict[int, list[int]] = {ROOT: []}
        self.index: dict[str, int] = {"": ROOT}
        self.is_comparison = False
        self.by_path: list[int] = []
        """All nodes in the order of their paths: sorting by another column is then one stable pass."""
        self.lowered: list[str] = []
        self.lowered_names: list[str] = []
        """Paths and names in lower case, for searches."""

    def __len__(self) -> int:
        return len(self.paths)

    def name(self, node: int) -> str:
        """The last component of the path, as in the image: hostile text."""
        return self.paths[node].rpartition("/")[2]

    def delta_bytes(self, node: int) -> int:
        """Head minus base."""
        return self.head_bytes[node] - self.base_bytes[node]

    def change(self, node: int) -> NodeChange:
        """How a path changed. Without base, a path is the same or hidden."""
        if not self.in_head[node]:
            return NodeChange.REMOVED if self.in_base[node] else NodeChange.HIDDEN
        if not self.is_comparison:
            return NodeChange.SAME
        if not self.in_base[node]:
            return NodeChange.ADDED
        delta = self.delta_bytes(node)
        if delta:
            return NodeChange.GROWN if delta > 0 else NodeChange.SHRUNK
        return NodeChange.CHANGED if self.differing[node] else NodeChange.SAME

    def bytes_by(self, folder: int, column: Sequence[int]) -> dict[int, int]:
        """The bytes of head in `folder`, grouped by the value of `column` per file: its layer or its package."""
        found: dict[int, int] = {}
        stack = [folder]
        while stack:
            node = stack.pop()
            children = self.children.get(node)
            if children is not None:
                stack += children
            elif self.head_bytes[node]:
                found[column[node]] = found.get(column[node], 0) + self.head_bytes[node]
        return found

    def add(self, path: str, kind: EntryKind = EntryKind.DIRECTORY) -> int:
        """The node of an absolute `path`; creates missing nodes for it and its parents."""
        known = self.index.get(path)
        if known is not None:
            return known
        missing = [path]
        parent_path = path.rpartition("/")[0]
        while (parent := self.index.get(parent_path)) is None:
            missing.append(parent_path)
            parent_path = parent_path.rpartition("/")[0]
        node = parent
        for each in reversed(missing):
            node = self._append(each, node, kind if each == path else EntryKind.DIRECTORY)
        return node

    def _append(self, path: str, parent: int, kind: EntryKind) -> int:
        node = len(self.paths)
        self.paths.append(path)
        self.parents.append(parent)
        self.kinds.append(kind)
        for column in (self.head_bytes, self.base_bytes, self.wasted_bytes, self.files, self.differing):
            column.append(0)
        self.layers.append(NONE)
        self.packages.append(NONE)
        self.in_head.append(0)
        self.in_base.append(0)
        self.children.setdefault(parent, []).append(node)
        self.index[path] = node
        return node

    def finish(self) -> None:
        """Add the values of each node to its parent, and prepare sorting and searching."""
        self.by_path = sorted(range(len(self.paths)), key=self.paths.__getitem__)
        self.lowered = [path.lower() for path in self.paths]
        self.lowered_names = [path.rpartition("/")[2] for path in self.lowered]
        parents = self.parents
        for column in (self.head_bytes, self.base_bytes, self.wasted_bytes, self.files, self.differing):
            for node in range(len(parents) - 1, ROOT, -1):
                value = column[node]
                if value:
                    column[parents[node]] += value


def build_file_tree(subject: BrowsedImage) -> FileColumns:
    """The tree of a subject."""
    tree = FileColumns()
    tree.is_comparison = subject.is_comparison
    if subject.base is not None:
        _add_side(tree, subject.base, is_head=False)
    _add_side(tree, subject.head, is_head=True)
    for copy in (*subject.head.waste.own, *subject.head.waste.inherited):
        node = tree.add(f"/{copy.path}", EntryKind.FILE)
        tree.wasted_bytes[node] += copy.size_bytes
        if tree.layers[node] == NONE:
            tree.layers[node] = copy.layer
    for delta in subject.comparison.files or ():
        for side in (delta.base, delta.head):  # a moved file has another path on each side
            if side is not None:
                tree.differing[tree.add(side.path, EntryKind.FILE)] = 1
    tree.finish()
    return tree


def _add_side(tree: FileColumns, image: WeighedImage, *, is_head: bool) -> None:
    layer_of = _layer_indices(image)
    present = tree.in_head if is_head else tree.in_base
    for node in image.rootfs.nodes():
        number = tree.add(node.path, node.kind)
        present[number] = 1
        tree.kinds[number] = node.kind
        tree.layers[number] = layer_of.get(node.diff_id, NONE)
    _add_files(tree, image.rootfs, image.packages.owners if is_head else (), is_head=is_head)


def _add_files(tree: FileColumns, rootfs: Rootfs, owners: Sequence[int], *, is_head: bool) -> None:
    """Sizes and packages; `owners` are in the order of `Rootfs.files`."""
    size_bytes = tree.head_bytes if is_head else tree.base_bytes
    index = tree.index
    for number, (node, paths) in enumerate(rootfs.files()):
        first = index[paths[0] if len(paths) == 1 else min(paths)]
        size_bytes[first] = node.size_bytes
        if not is_head:
            continue
        for path in paths:
            named = index[path]
            tree.files[named] = 1
            if number < len(owners):
                tree.packages[named] = owners[number]


def _layer_indices(image: WeighedImage) -> dict[str, int]:
    found: dict[str, int] = {}
    for index, layer in enumerate(image.layers):
        found.setdefault(layer.diff_id, index)
    return found
