"""Applies the layers of an image: one tree of files, changed layer by layer, and the files that layers hide.

Rules: OCI image spec, "Image Layer Filesystem Changeset". Whiteouts hide files of *lower* layers, at any position in
the tar. A parent that the tar does not name becomes a directory, even if it was another kind of file before.

A file is a number, not an object, so that an image of a million files fits into memory: the numbers of a layer's
entries follow those of the layer below.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, replace

from weighbridge.domain.image.directory import Directory, Item, Run
from weighbridge.domain.image.entries import DIRECTORY, FILE, HARD_LINK, OPAQUE, SYMLINK, WHITEOUT, Entries
from weighbridge.domain.image.entry import Entry, EntryKind
from weighbridge.domain.image.layer import Changeset
from weighbridge.errors import ImageError

MAX_IMPLIED_DIRECTORIES = 200_000
"""Limit on directories that no layer names; builders name each directory in its layer."""
IMPLIED = Entry(path="", kind=EntryKind.DIRECTORY, mode=0o755)
"""The entry of each directory that no layer names. It has no path: full paths would need quadratic memory."""
NO_ENTRY = -1
_REMOVALS = (WHITEOUT, OPAQUE)


@dataclass(frozen=True, kw_only=True, slots=True)
class HiddenFile:
    """A regular file, by its number, that lost its last name in layer `hidden_by` (an index, lowest is 0).

    `cover` is the new file with that name; ``None`` if there is none, or a directory.
    """

    file: int
    hidden_by: int
    cover: int | None


class FileTree:
    """The final files of an image. Build it with `from_changesets`; it is immutable.

    `hidden` holds each non-empty regular file that is in a layer and invisible in a container. `starts` has the number
    of each layer's first entry, and last the number of all entries. `kinds` and `sizes` are those of all entries.
    """

    def __init__(self, changesets: Sequence[Changeset]) -> None:
        self.changesets = tuple(changesets)
        self.columns: tuple[Entries, ...] = tuple(changeset.columns for changeset in self.changesets)
        self.starts = [0]
        self.kinds = bytearray()
        self.sizes = array("q")
        for columns in self.columns:
            self.kinds += columns.kinds
            self.sizes += columns.sizes
            self.starts.append(len(self.kinds))
        self.root = Directory(NO_ENTRY, 0)
        self.hidden: list[HiddenFile] = []
        self._implied = 0
        self._parents: dict[str, Directory] = {}
        """Directories of the current layer that have directories, by path. Only those that are still in the tree."""
        self._more_names: dict[int, int] = {}
        """By file: how many names it has beyond the first. Files with one name are not here."""
        self._lost: list[tuple[int, str]] = []
        """Files of lower layers that lost their last name in the current layer, with that name."""

    @classmethod
    def from_changesets(cls, changesets: Sequence[Changeset]) -> FileTree:
        """The result of applying `changesets`, lowest first. Raises ImageError for too many implied directories."""
        tree = cls(changesets)
        for layer in range(len(tree.changesets)):
            tree._apply(layer)
        return tree

    def find(self, path: str) -> Item | None:
        """The item at `path` (no leading slash), no symlink followed."""
        item: Item | None = self.root
        for name in path.split("/") if path else ():
            if not isinstance(item, Directory):
                return None
            item = item.get(name)
        return item

    def walk(self) -> Iterator[tuple[str, Item]]:
        """Every file below the root with its absolute path, parents before children."""
        return _walk("", self.root)

    def directories(self) -> Iterator[tuple[str, Directory]]:
        """Every directory with its absolute path (``""`` is the root), in the order of `walk`."""
        stack = [("", self.root)]
        while stack:
            path, directory = stack.pop()
            yield path, directory
            stack += [(f"{path}/{name}", child) for name, child in directory.folders.items()]

    def layer_of(self, item: Item) -> int:
        """The index of the layer that holds an item."""
        return item.layer if isinstance(item, Directory) else bisect_right(self.starts, item) - 1

    def entry(self, item: Item, path: str) -> Entry:
        """The entry of the item at an absolute `path`."""
        number = item.entry if isinstance(item, Directory) else item
        if number == NO_ENTRY:
            return replace(IMPLIED, path=path.removeprefix("/")) if path else IMPLIED
        layer = bisect_right(self.starts, number) - 1
        return self.columns[layer][number - self.starts[layer]]

    def row(self, file: int) -> int:
        """The row of a file in the columns of its layer."""
        return file - self.starts[bisect_right(self.starts, file) - 1]

    def stored_path(self, file: int) -> str:
        """The path of a file in its layer."""
        layer = bisect_right(self.starts, file) - 1
        return self.columns[layer].path(file - self.starts[layer])

    def link_target(self, file: int) -> str:
        """The target of a symlink."""
        layer = bisect_right(self.starts, file) - 1
        return self.columns[layer].links.get(file - self.starts[layer], "")

    @property
    def files_with_several_names(self) -> Set[int]:
        """The files with more than one path (hard links)."""
        return self._more_names.keys()

    def _apply(self, layer: int) -> None:
        """Apply one layer to the tree. Removals come first: they only affect lower layers."""
        columns = self.columns[layer]
        for row in columns.rows_of_kinds(WHITEOUT, OPAQUE):
            if columns.kinds[row] == WHITEOUT:
                self._remove(columns.path(row), layer)
            else:
                self._empty(columns.path(row), layer)
        self._parents.clear()
        self._add_rows(layer, columns)
        for file, path in self._lost:
            cover = self.find(path)
            self.hidden.append(
                HiddenFile(file=file, hidden_by=layer, cover=None if isinstance(cover, Directory) else cover)
            )
        self._lost.clear()

    def _add_rows(self, layer: int, columns: Entries) -> None:
        has_repeats = columns.has_repeats()
        kinds, offset = columns.kinds, self.starts[layer]
        for folder, start, end in columns.runs():
            path = columns.folders[folder]
            plain = kinds.count(FILE, start, end) + kinds.count(SYMLINK, start, end)
            is_run = plain == end - start and not has_repeats and (path or not columns.names.has("", start, end))
            if not is_run or not self._add_all(layer, path, Run(columns.names, start, end, offset)):
                self._add_each(layer, columns, path, range(start, end))

    def _add_all(self, layer: int, path: str, run: Run) -> bool:
        """Add a run of rows to the folder `path`; false if there are items, which the rows may replace."""
        directory = self._directory(path, layer)
        if not directory.is_empty:
            return False
        directory.runs = (run,)
        return True

    def _add_each(self, layer: int, columns: Entries, path: str, rows: range) -> None:
        """Add rows of the folder `path`, one after the other."""
        offset = self.starts[layer]
        directory: Directory | None = None
        for row, name in zip(rows, columns.names[rows.start : rows.stop], strict=True):
            kind = columns.kinds[row]
            if kind in _REMOVALS:
                continue
            number = row + offset
            if not name:
                self.root.entry, self.root.layer = number, layer
                continue
            if directory is None:
                directory = self._directory(path, layer)
            if kind == DIRECTORY:
                known = directory.folders.get(name)
                if known is not None:
                    known.entry, known.layer = number, layer
                    continue
                replaced = directory.put_folder(name, Directory(number, layer))
            else:
                file = self._linked(columns, row, number) if kind == HARD_LINK else number
                replaced = directory.put_file(columns.names, row, file)
            if replaced is not None:
                self._drop(replaced, columns.path(row), layer)

    def _linked(self, columns: Entries, row: int, number: int) -> int:
        """The file that a hard link shares; the link itself if that is not there."""
        target = self.find(columns.links.get(row, ""))
        if target is None or isinstance(target, Directory):
            return number
        self._more_names[target] = self._more_names.get(target, 0) + 1
        return target

    def _directory(self, path: str, layer: int) -> Directory:
        """The directory `path`, created if the tar does not name it (an implied parent).

        Raises ImageError for too many implied directories.
        """
        parent, _, last_name = path.rpartition("/")
        known = self._parents.get(parent)
        if known is not None:
            item = known.folders.get(last_name)
            if item is not None:
                return item
        directory = self.root
        names = path.split("/") if path else []
        for depth, name in enumerate(names, start=1):
            if depth == len(names):
                self._parents[parent] = directory
            item = directory.folders.get(name)
            if item is None:
                self._implied += 1
                if self._implied > MAX_IMPLIED_DIRECTORIES:
                    raise ImageError(
                        f"the layers hold files in more than {MAX_IMPLIED_DIRECTORIES} directories that no layer names"
                    )
                item = Directory(NO_ENTRY, layer)
                replaced = directory.put_folder(name, item)
                if replaced is not None:
                    self._drop(replaced, "/".join(names[:depth]), layer)
            directory = item
        return directory

    def _remove(self, path: str, layer: int) -> None:
        head, _, name = path.rpartition("/")
        parent = self.find(head)
        if isinstance(parent, Directory):
            removed = parent.remove(name)
            if removed is not None:
                self._drop(removed, path, layer)

    def _empty(self, path: str, layer: int) -> None:
        directory = self.find(path)
        if isinstance(directory, Directory):
            for name, item in directory.clear():
                self._drop(item, f"{path}/{name}" if path else name, layer)

    def _drop(self, item: Item, path: str, layer: int) -> None:
        """Remove the name `path` from `item`, and the names of everything below it."""
        if not isinstance(item, Directory):
            self._unname(item, path, layer)
            return
        self._parents.clear()
        for child_path, child in _walk(path, item):
            if not isinstance(child, Directory):
                self._unname(child, child_path, layer)

    def _unname(self, file: int, path: str, layer: int) -> None:
        more = self._more_names.pop(file, 0)
        if more:
            if more > 1:
                self._more_names[file] = more - 1
            return
        # Files of the same layer are not hidden: within one layer, only the last entry of a path exists.
        if self.sizes[file] and file < self.starts[layer]:
            self._lost.append((file, path))


def _walk(path: str, directory: Directory) -> Iterator[tuple[str, Item]]:
    """Everything below `directory`, which is at `path`, each with its path."""
    stack = [(path, directory)]
    while stack:
        path, directory = stack.pop()
        for name, child in directory.items():
            child_path = f"{path}/{name}"
            yield child_path, child
            if isinstance(child, Directory):
                stack.append((child_path, child))
