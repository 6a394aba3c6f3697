"""Computes dive's efficiency score, for comparison with dive.

dive counts all N copies of a path as inefficient, `weighbridge.domain.image.waste` N−1 of them.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from weighbridge.domain.image.entries import FILE, OPAQUE, WHITEOUT, Entries
from weighbridge.domain.image.layer import Changeset


def dive_efficiency(changesets: Sequence[Changeset]) -> float:
    """The efficiency score as dive computes it (its dive/filetree/efficiency.go), 0 to 1.

    For each path that is a leaf in a layer's tree: the smallest of its sizes over all layers divided by their sum,
    taken over all paths. A whiteout counts as a leaf, with size 0 for a file and the removed size for a directory.
    """
    layers = [changeset.columns for changeset in changesets]
    removed_bytes = _removed_bytes(layers)
    leaves_of = [_Leaves(columns, removed_bytes[layer]) for layer, columns in enumerate(layers)]
    several = {folder for folder, count in Counter(one for of in layers for one in of.folders).items() if count > 1}
    runs_of_several: dict[str, array[int]] = {}
    """By folder: layer, number of the folder, first row and end of each run. In other folders each path occurs once."""
    discovered_bytes = least_bytes = 0
    for layer, columns in enumerate(layers):
        for folder, start, end in columns.runs():
            path = columns.folders[folder]
            if path in several:
                runs_of_several.setdefault(path, array("I")).extend((layer, folder, start, end))
            else:
                _, sizes = leaves_of[layer].sizes(folder, start, end)
                run_bytes = sum(sizes)
                discovered_bytes += run_bytes
                least_bytes += run_bytes
    for runs in runs_of_several.values():
        known: dict[str, int] = {}
        for at in range(0, len(runs), 4):
            layer, folder, start, end = runs[at : at + 4]
            rows, sizes = leaves_of[layer].sizes(folder, start, end)
            discovered_bytes += sum(sizes)
            names = layers[layer].names[start:end]
            for row, size_bytes in zip(rows, sizes, strict=True):
                name = names[row - start]
                known[name] = min(known.get(name, size_bytes), size_bytes)
        least_bytes += sum(known.values())
    return least_bytes / discovered_bytes if discovered_bytes else 1.0


class _Leaves:
    """The rows of a layer with nothing below them. Of several rows with one path the last counts."""

    def __init__(self, columns: Entries, removed_bytes: Mapping[int, int]) -> None:
        """`removed_bytes` has the sizes of whiteouts by row."""
        self._columns = columns
        self._removed_bytes = removed_bytes
        inner: dict[str, set[str]] = {}
        """The names, by folder, that have something below them."""
        for folder in _folders_with_files(columns):
            while folder:
                folder, _, name = folder.rpartition("/")  # noqa: PLW2901 - from the folder up to the root
                names = inner.setdefault(folder, set())
                if name in names:
                    break
                names.add(name)
        self._not_leaves: list[Collection[str]] = [inner.get(folder, ()) for folder in columns.folders]
        self._last: dict[str, int] = {}
        if columns.has_repeats():
            self._last = {columns.path(row): row for row, kind in enumerate(columns.kinds) if kind != OPAQUE}

    def sizes(self, folder: int, start: int, end: int) -> tuple[Sequence[int], Sequence[int]]:
        """The leaves among the rows from `start` to `end`, of one folder: their rows, and their sizes in bytes."""
        columns = self._columns
        if not self._last and not self._not_leaves[folder] and columns.kinds.count(FILE, start, end) == end - start:
            return range(start, end), columns.sizes[start:end]
        rows = [row for row, name in enumerate(columns.names[start:end], start) if self._is_leaf(row, name)]
        return rows, [
            self._removed_bytes.get(row, 0) if columns.kinds[row] == WHITEOUT else columns.sizes[row] for row in rows
        ]

    def _is_leaf(self, row: int, name: str) -> bool:
        columns = self._columns
        if columns.kinds[row] == OPAQUE or not name or name in self._not_leaves[columns.folder_of[row]]:
            return False
        return not self._last or self._last.get(columns.path(row), row) == row


def _folders_with_files(columns: Entries) -> Iterable[str]:
    """The folders of a layer's entries, opaque markers excluded: they are no files."""
    if not columns.kinds.count(OPAQUE):
        return columns.folders
    used = {folder for folder, kind in zip(columns.folder_of, columns.kinds, strict=True) if kind != OPAQUE}
    return [columns.folders[number] for number in used]


def _removed_bytes(layers: Sequence[Entries]) -> list[dict[int, int]]:
    """For each layer, by row of each whiteout: the bytes of the directory that it removes, 0 for a file."""
    removed = {columns.path(row) for columns in layers for row in columns.rows_of_kinds(WHITEOUT)}
    found: list[dict[int, int]] = [{} for _ in layers]
    if not removed:
        return found
    below = _Tree()
    for layer, columns in enumerate(layers):
        for row in columns.rows_of_kinds(WHITEOUT):
            found[layer][row] = below.directory_bytes(columns.path(row))
        for row in _concerned(columns, removed):
            if columns.kinds[row] == WHITEOUT:
                below.remove(columns.path(row))
            else:
                below.put(columns.path(row), columns.sizes[row])
    return found


def _concerned(columns: Entries, removed: set[str]) -> Iterator[int]:
    """The rows of a layer at or below a path that some layer removes: the others cannot change what that holds."""
    names_by_top: dict[str, set[str]] = {}
    for path in removed:
        folder, _, name = path.rpartition("/")
        names_by_top.setdefault(folder, set()).add(name)
    is_below = {number for number, folder in enumerate(columns.folders) if _is_at_or_below(folder, removed)}
    for number, start, end in columns.runs():
        if number in is_below:
            concerned = list(range(start, end))
        else:
            names = names_by_top.get(columns.folders[number], ())
            of_run = columns.names[start:end] if names else ()
            concerned = [row for row, name in enumerate(of_run, start) if name in names]
        yield from (row for row in concerned if columns.kinds[row] != OPAQUE)


def _is_at_or_below(path: str, removed: set[str]) -> bool:
    while path:
        if path in removed:
            return True
        path = path.rpartition("/")[0]
    return False


class _Tree:
    """A file tree as in dive: sizes by name. `children` is ``None`` if it never had any."""

    __slots__ = ("children", "size_bytes")

    def __init__(self) -> None:
        self.children: dict[str, _Tree] | None = None
        self.size_bytes = 0

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

    def put(self, path: str, size_bytes: int) -> None:
        """Add a file, or give it another size."""
        node = self
        for name in path.split("/") if path else ():
            if node.children is None:
                node.children = {}
            child = node.children.get(name)
            if child is None:
                child = node.children[name] = _Tree()
            node = child
        node.size_bytes = size_bytes

    def remove(self, path: str) -> None:
        """Remove a file or directory. An opaque directory hides nothing here, as in dive."""
        head, _, name = path.rpartition("/")
        parent = self._find(head)
        if parent is not None and parent.children is not None:
            parent.children.pop(name, None)

    def _find(self, path: str) -> _Tree | None:
        node: _Tree | None = self
        for name in path.split("/") if path else ():
            node = node.children.get(name) if node is not None and node.children is not None else None
        return node
