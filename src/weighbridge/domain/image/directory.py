"""A directory of an image's tree: its files as runs of adjacent rows, and its subdirectories by name."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from weighbridge.domain.image.names import Names

_MOST_RUNS = 8
_MOST_SEARCHES = 80
"""A directory with more runs gets a dict once somebody looks for a file, and one whose names were searched more often.

A few searches of a text take less time and memory than a dict: that of a million files takes 150 MB.
"""
_MOST_SEARCHED_BYTES = 1 << 30
"""The same for names that are long in all: a search of 100 MB takes 0.1 s."""


class Run(NamedTuple):
    """Adjacent rows of a layer with different names: row `i` is file ``i + offset`` and has the name ``names[i]``."""

    names: Names
    start: int
    end: int
    offset: int

    @property
    def files(self) -> range:
        """The numbers of the files."""
        return range(self.start + self.offset, self.end + self.offset)

    @property
    def name_bytes(self) -> int:
        """The length of the text that has the names."""
        return self.names.starts[self.end] - self.names.starts[self.start]

    def items(self) -> Iterator[tuple[str, int]]:
        """The names and numbers of the files."""
        return zip(self.names[self.start : self.end], self.files, strict=True)


class Directory:
    """A directory: its entry (`NO_ENTRY` of the tree if it is implied), its layer, its subdirectories and its files.

    The files are numbers of entries, in `runs` of rows. A directory in which somebody often looks for files has them in
    `by_name`, and no runs. `searched_bytes` counts the names that were searched so far.
    """

    __slots__ = ("by_name", "entry", "folders", "layer", "runs", "searched_bytes")

    def __init__(self, entry: int, layer: int) -> None:
        self.entry = entry
        self.layer = layer
        self.folders: dict[str, Directory] = _NO_FOLDERS
        self.runs: tuple[Run, ...] = ()
        self.by_name: dict[str, int] | None = None
        self.searched_bytes = 0

    def get(self, name: str) -> Item | None:
        """The item with a name."""
        folder = self.folders.get(name)
        return folder if folder is not None else self._file(name)

    def items(self) -> Iterable[tuple[str, Item]]:
        """The names and items of the files, then those of the subdirectories."""
        return itertools.chain(self.files(), self.folders.items())

    def files(self) -> Iterable[tuple[str, int]]:
        """The names and numbers of the files."""
        if self.by_name is not None:
            return self.by_name.items()
        return itertools.chain.from_iterable(run.items() for run in self.runs)

    @property
    def is_empty(self) -> bool:
        """True without files and subdirectories."""
        return not (self.folders or self.runs or self.by_name)

    def put_folder(self, name: str, folder: Directory) -> Item | None:
        """Add a subdirectory. Returns the item that it replaces."""
        replaced = self.remove(name)
        if self.folders is _NO_FOLDERS:
            self.folders = {}
        self.folders[name] = folder
        return replaced

    def put_file(self, names: Names, row: int, file: int) -> Item | None:
        """Add the file with the name ``names[row]``, and a number. Returns the item that it replaces."""
        name = names[row]
        folder = self.folders.pop(name, None)
        replaced = self._file(name)
        if self.by_name is not None:
            self.by_name[name] = file
        elif replaced is not None:
            self._split(name, (Run(names, row, row + 1, file - row),))
        else:
            last = self.runs[-1] if self.runs else None
            if last is not None and last.names is names and (last.end, last.offset) == (row, file - row):
                self.runs = (*self.runs[:-1], last._replace(end=row + 1))
            else:
                self.runs = (*self.runs, Run(names, row, row + 1, file - row))
        return replaced if folder is None else folder

    def remove(self, name: str) -> Item | None:
        """Remove an item, and return it."""
        folder = self.folders.pop(name, None)
        file = self._file(name)
        if file is not None and self.by_name is not None:
            del self.by_name[name]
        elif file is not None:
            self._split(name, ())
        return file if folder is None else folder

    def clear(self) -> list[tuple[str, Item]]:
        """Remove all items, and return them."""
        removed = list(self.items())
        self.folders, self.runs, self.by_name = _NO_FOLDERS, (), None
        return removed

    def _file(self, name: str) -> int | None:
        if self.by_name is None and self.runs:
            name_bytes = sum(run.name_bytes for run in self.runs)
            self.searched_bytes += name_bytes
            is_searched_often = self.searched_bytes > min(_MOST_SEARCHES * name_bytes, _MOST_SEARCHED_BYTES)
            if is_searched_often or len(self.runs) > _MOST_RUNS:
                self.by_name = dict(self.files())
                self.runs = ()
            else:
                found = self._place(name)
                return found[1] + self.runs[found[0]].offset if found is not None else None
        return self.by_name.get(name) if self.by_name is not None else None

    def _place(self, name: str) -> tuple[int, int] | None:
        """The index of the run of a file, and its row."""
        for index, run in enumerate(self.runs):
            row = run.names.find(name, run.start, run.end)
            if row is not None:
                return index, row
        return None

    def _split(self, name: str, replacement: tuple[Run, ...]) -> None:
        """Replace the file with a name in its run."""
        found = self._place(name)
        if found is not None:
            index, row = found
            run = self.runs[index]
            parts = (run._replace(end=row), *replacement, run._replace(start=row + 1))
            kept = (part for part in parts if part.start < part.end)
            self.runs = (*self.runs[:index], *kept, *self.runs[index + 1 :])


_NO_FOLDERS: dict[str, Directory] = {}
"""The subdirectories of most directories: none. Stays empty."""

Item = int | Directory
"""What a path leads to: the number of an entry that is no directory, or a directory."""
