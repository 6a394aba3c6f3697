"""The regular files of a root filesystem as a table, by number: one walk over the tree serves all analyses of files.

The files of a folder are adjacent, so a check of their folder happens once for all of them.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence

from weighbridge.domain.image.entries import FILE, SYMLINK
from weighbridge.domain.image.tree import FileTree

_NO_NAMES: Mapping[str, int] = {}


class FileTable:
    """Each regular file once, numbered in the order of `Rootfs.files`.

    File `n` is the entry ``files[n]`` of the tree and has the name ``names[n]``. `sizes` are in bytes.
    ``folders[f]`` has the files from ``starts[f]`` to ``starts[f + 1]``: those whose first name is there.
    """

    def __init__(self, tree: FileTree) -> None:
        self._tree = tree
        self.files = array("I")
        self.names: list[str] = []
        self.folders: list[str] = []
        self.starts = array("I", [0])
        self._other_paths: dict[int, list[str]] = {}
        self._index()
        self.sizes = array("q", map(tree.sizes.__getitem__, self.files))
        self._folder_numbers: dict[str, int] | None = None
        self._extra_names: dict[str, dict[str, int]] = {}
        for number, paths in self._other_paths.items():
            for path in paths:
                folder, _, name = path.rpartition("/")
                self._extra_names.setdefault(folder, {})[name] = number

    def _index(self) -> None:
        tree = self._tree
        kinds = tree.kinds
        linked: dict[int, int] = {}
        for folder, children in tree.folders():
            found = [(name, item) for name, item in children.items() if type(item) is int and kinds[item] == FILE]
            if not found:
                continue
            for name, item in found:
                if tree.has_several_names(item):
                    known = linked.setdefault(item, len(self.files))
                    if known != len(self.files):
                        self._other_paths.setdefault(known, []).append(f"{folder}/{name}")
                        continue
                self.files.append(item)
                self.names.append(name)
            self.folders.append(folder)
            self.starts.append(len(self.files))

    def __len__(self) -> int:
        """The number of files."""
        return len(self.files)

    def folder(self, number: int) -> str:
        """The folder of a file's first name, without a slash at its end; ``""`` is the root."""
        return self.folders[bisect_right(self.starts, number) - 1]

    def path(self, number: int) -> str:
        """A file's first path."""
        return f"{self.folder(number)}/{self.names[number]}"

    def other_paths(self, number: int) -> tuple[str, ...]:
        """A file's further paths (hard links)."""
        return tuple(self._other_paths.get(number, ()))

    def is_linked(self, number: int) -> bool:
        """True for a file with several names in the image."""
        return number in self._other_paths

    def linked(self) -> Iterator[tuple[int, Sequence[str]]]:
        """The files with several names, and their further paths."""
        yield from self._other_paths.items()

    def ranges(self) -> Iterator[tuple[str, int, int]]:
        """Each folder with the numbers of its files: the first, and the one behind the last."""
        for number, folder in enumerate(self.folders):
            yield folder, self.starts[number], self.starts[number + 1]

    def by_folder(self) -> Iterator[tuple[str, Mapping[str, int]]]:
        """Each folder with its files by name, hard links in every folder that names them."""
        extra = dict(self._extra_names)
        for folder, start, end in self.ranges():
            names = dict(zip(self.names[start:end], range(start, end), strict=True))
            names.update(extra.pop(folder, _NO_NAMES))
            if names:
                yield folder, names
        yield from extra.items()

    def named(self, is_wanted: Callable[[str], bool]) -> Iterator[tuple[str, int]]:
        """The paths with a wanted name, and the number of each file; hard links by their own names, last."""
        for number, name in enumerate(self.names):
            if is_wanted(name):
                yield self.path(number), number
        for folder, names in self._extra_names.items():
            for name, number in names.items():
                if is_wanted(name):
                    yield f"{folder}/{name}", number

    def names_in(self, folder: str) -> Mapping[str, int]:
        """The files in a folder by name; empty if it has none."""
        if self._folder_numbers is None:
            self._folder_numbers = {one: number for number, one in enumerate(self.folders)}
        number = self._folder_numbers.get(folder)
        extra = self._extra_names.get(folder, _NO_NAMES)
        if number is None:
            return extra
        start, end = self.starts[number], self.starts[number + 1]
        names = dict(zip(self.names[start:end], range(start, end), strict=True))
        names.update(extra)
        return names

    def layers(self) -> array[int]:
        """The layer of each file, by number."""
        starts = self._tree.starts
        layers = array("H")
        for file in self.files:
            layers.append(bisect_right(starts, file) - 1)
        return layers


def symlinks(tree: FileTree) -> Iterator[tuple[str, int]]:
    """Every symlink of a tree by its path."""
    kinds = tree.kinds
    for folder, children in tree.folders():
        for name, item in children.items():
            if type(item) is int and kinds[item] == SYMLINK:
                yield f"{folder}/{name}", item
