"""The regular files of a root filesystem as a table, by number: one walk over the tree serves all analyses of files.

The files of a folder are adjacent, so a check of their folder happens once for all of them.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

from weighbridge.domain.image.entries import FILE, SYMLINK
from weighbridge.domain.image.names import Names, encoded
from weighbridge.domain.image.tree import FileTree

_NO_NAMES: Mapping[str, int] = {}


class FolderFiles:
    """The files of a folder by name. Makes a dict only if it must: most questions are about one name, or about none."""

    __slots__ = ("_end", "_extra", "_names", "_start")

    def __init__(self, names: Names, start: int, end: int, extra: Mapping[str, int]) -> None:
        """The files from `start` to `end`, named by `names`, and `extra` names (hard links)."""
        self._names = names
        self._start = start
        self._end = end
        self._extra = extra

    def __contains__(self, name: str) -> bool:
        """True if the folder has a file with this name."""
        return self._names.has(name, self._start, self._end) or name in self._extra

    def __iter__(self) -> Iterator[str]:
        """All names."""
        yield from self._names[self._start : self._end]
        yield from self._extra

    def __getitem__(self, name: str) -> int:
        """The number of the file with this name. Raises KeyError."""
        return self._by_name()[name]

    def get(self, name: str, default: int | None = None) -> int | None:
        """The number of the file with this name, or `default`."""
        return self._by_name().get(name, default)

    def items(self) -> Iterable[tuple[str, int]]:
        """All names with the numbers of their files."""
        if self._extra:
            return self._by_name().items()
        return zip(self._names[self._start : self._end], range(self._start, self._end), strict=True)

    def values(self) -> Iterable[int]:
        """The numbers of all files."""
        return self._by_name().values() if self._extra else range(self._start, self._end)

    def _by_name(self) -> dict[str, int]:
        numbers = range(self._start, self._end)
        names = dict(zip(self._names[self._start : self._end], numbers, strict=True))
        names.update(self._extra)
        return names


class FileTable:
    """Each regular file once, numbered in the order of `Rootfs.files`.

    File `n` is the entry ``files[n]`` of the tree and has the name ``names[n]``. `sizes` are in bytes.
    ``folders[f]`` has the files from ``starts[f]`` to ``starts[f + 1]``: those whose first name is there. A folder that
    has further names only has none.
    """

    def __init__(self, tree: FileTree) -> None:
        self._tree = tree
        self.files = array("I")
        self.names = Names()
        self.folders: list[str] = []
        self.starts = array("I", [0])
        self._folder_of = array("I")
        self._other_paths: dict[int, list[str]] = {}
        self._index()
        self.sizes = array("q", map(tree.sizes.__getitem__, self.files))
        self._largest: array[int] | None = None
        self._layers: array[int] | None = None
        self._folder_numbers: dict[str, int] | None = None
        self._extra_names: dict[str, dict[str, int]] = {}
        for number, paths in self._other_paths.items():
            for path in paths:
                folder, _, name = path.rpartition("/")
                self._extra_names.setdefault(folder, {})[name] = number

    def _index(self) -> None:
        kinds, several = self._tree.kinds, self._tree.files_with_several_names
        names = bytearray(b"/")
        linked: dict[int, int] = {}
        for folder, directory in self._tree.directories():
            has_files = False
            for run in directory.runs:
                numbers = run.files
                if kinds.count(FILE, numbers.start, numbers.stop) < len(numbers) or not several.isdisjoint(numbers):
                    has_files |= self._add(folder, run.items(), names, linked)
                else:
                    has_files = True
                    self.files.extend(numbers)
                    names += run.names.part(run.start, run.end)
            if directory.by_name:
                has_files |= self._add(folder, directory.by_name.items(), names, linked)
            if has_files:
                self._folder_of.extend(array("I", [len(self.folders)]) * (len(self.files) - self.starts[-1]))
                self.folders.append(folder)
                self.starts.append(len(self.files))
        self.names = Names(bytes(names))

    def _add(self, folder: str, items: Iterable[tuple[str, int]], names: bytearray, linked: dict[int, int]) -> bool:
        """Add the regular files of `items`, one by one; false if there are none.

        `linked` has the number of each file with several names that is in the table.
        """
        has_files = False
        for name, file in items:
            if self._tree.kinds[file] != FILE:
                continue
            has_files = True
            if file in self._tree.files_with_several_names:
                known = linked.setdefault(file, len(self.files))
                if known != len(self.files):
                    self._other_paths.setdefault(known, []).append(f"{folder}/{name}")
                    continue
            self.files.append(file)
            names += encoded(name) + b"/"
        return has_files

    def __len__(self) -> int:
        """The number of files."""
        return len(self.files)

    def folder(self, number: int) -> str:
        """The folder of a file's first name, without a slash at its end; ``""`` is the root."""
        return self.folders[self._folder_of[number]]

    def path(self, number: int) -> str:
        """A file's first path."""
        return f"{self.folders[self._folder_of[number]]}/{self.names[number]}"

    def first_path(self, number: int) -> str:
        """The first of a file's sorted paths: it does not depend on the order of the layers' entries."""
        others = self._other_paths.get(number)
        return min(self.path(number), *others) if others else self.path(number)

    def first_folder(self, number: int) -> str:
        """The folder of `first_path`."""
        is_linked = number in self._other_paths
        return self.first_path(number).rpartition("/")[0] if is_linked else self.folder(number)

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

    def by_folder(self) -> Iterator[tuple[str, FolderFiles]]:
        """Each folder with its files by name, hard links in every folder that names them."""
        for folder, start, end in self.ranges():
            yield folder, FolderFiles(self.names, start, end, self._extra_names.get(folder, _NO_NAMES))

    def numbers_named(
        self, is_wanted: Callable[[str], object], texts: Collection[str] = (), *, names: frozenset[str] = frozenset()
    ) -> Iterator[int]:
        """The files whose name (the first, of several hard links) is wanted.

        Each wanted name is one of `names` or has one of the `texts`, where a slash is the beginning or the end of the
        name: ``.jar/``. Asks only for the names that are or have one of them.
        """
        return (number for number in self.names.rows_with(texts, names) if is_wanted(self.names[number]))

    def named(
        self, is_wanted: Callable[[str], object], texts: Collection[str], *, names: frozenset[str] = frozenset()
    ) -> Iterator[tuple[str, int]]:
        """The paths with a wanted name, and the number of each file; hard links by their own names, last.

        `texts` and `names` as in `numbers_named`.
        """
        for number in self.numbers_named(is_wanted, texts, names=names):
            yield self.path(number), number
        for folder, others in self._extra_names.items():
            for name, number in others.items():
                if is_wanted(name):
                    yield f"{folder}/{name}", number

    def names_in(self, folder: str) -> Mapping[str, int]:
        """The files in a folder by name; empty if it has none."""
        if self._folder_numbers is None:
            self._folder_numbers = {one: number for number, one in enumerate(self.folders)}
        number = self._folder_numbers.get(folder)
        if number is None:
            return _NO_NAMES
        start, end = self.starts[number], self.starts[number + 1]
        names = dict(zip(self.names[start:end], range(start, end), strict=True))
        names.update(self._extra_names.get(folder, _NO_NAMES))
        return names

    @property
    def largest(self) -> array[int]:
        """The size of the largest file of each folder, in the order of `folders`; 0 for a folder of links only."""
        if self._largest is None:
            sizes = self.sizes
            self._largest = array("q", (max(sizes[start:end], default=0) for _, start, end in self.ranges()))
        return self._largest

    def at_least(self, size_bytes: int) -> list[int]:
        """The numbers of the files with at least `size_bytes`. Takes no time for folders without such a file."""
        return [
            number
            for (_, start, end), largest in zip(self.ranges(), self.largest, strict=True)
            if largest >= size_bytes
            for number, size in enumerate(self.sizes[start:end], start)
            if size >= size_bytes
        ]

    @property
    def layers(self) -> array[int]:
        """The layer of each file, by number."""
        if self._layers is None:
            starts = self._tree.starts
            self._layers = array("H")
            for _, start, end in self.ranges():
                files = self.files[start:end]
                if not files:
                    continue
                lowest = bisect_right(starts, min(files)) - 1
                if max(files) < starts[lowest + 1]:  # most folders are of one layer
                    self._layers.extend(array("H", [lowest]) * len(files))
                else:
                    self._layers.extend(bisect_right(starts, file) - 1 for file in files)
        return self._layers


def symlinks(tree: FileTree) -> Iterator[tuple[str, int]]:
    """Every symlink of a tree by its path."""
    kinds = tree.kinds
    for folder, directory in tree.directories():
        if any(kinds.count(SYMLINK, run.files.start, run.files.stop) for run in directory.runs) or directory.by_name:
            for name, file in directory.files():
                if kinds[file] == SYMLINK:
                    yield f"{folder}/{name}", file
