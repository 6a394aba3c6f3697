"""The files of a file map as columns: an image has up to a million files."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter
from typing import NamedTuple, overload

NONE = -1
"""No layer, no package."""


class FileArea(NamedTuple):
    """A regular file with bytes. `path` has no leading slash.

    `head_bytes` and `base_bytes` are visible in a container of that side; the hidden ones are copies in lower layers.
    `layer` is the index of the layer of head that wrote the file (of base, if head does not have it), `package` an
    index of `FileMap.packages`. `differs`: base and head have other content. `files` above 1: the small files of the
    folder `path`, together.
    """

    path: str
    head_bytes: int = 0
    base_bytes: int = 0
    head_hidden_bytes: int = 0
    base_hidden_bytes: int = 0
    layer: int = NONE
    package: int = NONE
    differs: bool = False
    files: int = 1


class FileAreas(Sequence[FileArea]):
    """Areas by row. Row `i` is the file ``names[i]`` of ``folders[folder_of[i]]``, or several files of this folder.

    `head`, `base`, `layers`, `packages`, `differs` and `files` have the fields of `FileArea`, `head_hidden` and
    `base_hidden` those of the few rows that have hidden copies.
    """

    __slots__ = (
        "_numbers",
        "base",
        "base_hidden",
        "differs",
        "files",
        "folder_of",
        "folders",
        "head",
        "head_hidden",
        "layers",
        "names",
        "packages",
    )

    def __init__(self) -> None:
        self.folders: list[str] = []
        self.folder_of = array("I")
        self.names: list[str] = []
        self.head = array("q")
        self.base = array("q")
        self.head_hidden: dict[int, int] = {}
        self.base_hidden: dict[int, int] = {}
        self.layers = array("i")
        self.packages = array("i")
        self.differs = bytearray()
        self.files = array("I")
        self._numbers: dict[str, int] | None = None

    @classmethod
    def of(cls, areas: Iterable[FileArea]) -> FileAreas:
        """The columns of `areas`. Raises OverflowError and TypeError for values that are no numbers of files."""
        if isinstance(areas, FileAreas):
            return areas
        columns = cls()
        for area in areas:
            columns.add(area)
        return columns

    def __len__(self) -> int:
        """The number of areas."""
        return len(self.names)

    @overload
    def __getitem__(self, row: int) -> FileArea: ...

    @overload
    def __getitem__(self, row: slice) -> list[FileArea]: ...

    def __getitem__(self, row: int | slice) -> FileArea | list[FileArea]:
        """One area, or several."""
        if isinstance(row, slice):
            return [self._area(one) for one in range(*row.indices(len(self)))]
        return self._area(range(len(self))[row])

    def __eq__(self, other: object) -> bool:
        """True for a sequence of equal areas."""
        return list(self) == list(other) if isinstance(other, Sequence) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def path(self, row: int) -> str:
        """`FileArea.path` of a row."""
        folder = self.folders[self.folder_of[row]]
        if self.files[row] > 1:
            return folder
        return f"{folder}/{self.names[row]}" if folder else self.names[row]

    def area_bytes(self, row: int) -> int:
        """The larger of the two sides, which decides whether the file has a separate node."""
        head, base = self.head[row], self.base[row]
        return max(head + self.head_hidden.get(row, 0), base + self.base_hidden.get(row, 0))

    def folder_number(self, folder: str) -> int:
        """The number of a folder, for `folder_of`."""
        if self._numbers is None:
            self._numbers = {one: number for number, one in enumerate(self.folders)}
        number = self._numbers.setdefault(folder, len(self.folders))
        if number == len(self.folders):
            self.folders.append(folder)
        return number

    def add(self, area: FileArea) -> int:
        """Add an area. Returns its row."""
        row = len(self)
        folder, _, name = (area.path, "", "") if area.files > 1 else area.path.rpartition("/")
        self.folder_of.append(self.folder_number(folder))
        self.head.append(area.head_bytes)
        self.base.append(area.base_bytes)
        self.layers.append(area.layer)
        self.packages.append(area.package)
        self.files.append(area.files)
        self.differs.append(bool(area.differs))
        self.names.append(name)
        self.hide(row, area.head_hidden_bytes, area.base_hidden_bytes)
        return row

    def add_files(
        self,
        folder: str,
        names: Sequence[str],
        *,
        head: Iterable[int],
        base: Iterable[int],
        layers: Iterable[int],
        packages: Iterable[int],
    ) -> int:
        """Add files of one folder; the other columns are in the order of `names`. Returns the first row."""
        row = len(self)
        self.folder_of.extend(array("I", [self.folder_number(folder)]) * len(names))
        self.head.extend(head)
        self.base.extend(base)
        self.layers.extend(layers)
        self.packages.extend(packages)
        self.files.extend(array("I", [1]) * len(names))
        self.differs.extend(bytes(len(names)))
        self.names += names
        return row

    def move(self, row: int, path: str) -> None:
        """Give a file another path."""
        folder, _, self.names[row] = path.rpartition("/")
        self.folder_of[row] = self.folder_number(folder)

    def hide(self, row: int, head_bytes: int = 0, base_bytes: int = 0) -> None:
        """Add hidden bytes to a row."""
        if head_bytes:
            self.head_hidden[row] = self.head_hidden.get(row, 0) + head_bytes
        if base_bytes:
            self.base_hidden[row] = self.base_hidden.get(row, 0) + base_bytes

    def taken(self, rows: Sequence[int]) -> FileAreas:
        """The areas of these rows, in this order."""
        new = FileAreas()
        new.folders = list(self.folders)
        new.folder_of = array("I", map(self.folder_of.__getitem__, rows))
        new.names = list(map(self.names.__getitem__, rows))
        new.head = array("q", map(self.head.__getitem__, rows))
        new.base = array("q", map(self.base.__getitem__, rows))
        new.layers = array("i", map(self.layers.__getitem__, rows))
        new.packages = array("i", map(self.packages.__getitem__, rows))
        new.files = array("I", map(self.files.__getitem__, rows))
        new.differs = bytearray(map(self.differs.__getitem__, rows))
        for old, hidden in ((self.head_hidden, new.head_hidden), (self.base_hidden, new.base_hidden)):
            if old:
                hidden.update((row, old[before]) for row, before in enumerate(rows) if before in old)
        return new

    def in_order_of_paths(self, rows: Iterable[int]) -> array[int]:
        """`rows` in the order of their paths, in which a folder's content is together: nothing is before a slash.

        Sorts most folders by their names only: a path for each of a million files takes 100 MB.
        """
        of_folders: dict[int, array[int]] = {}
        for row in rows:
            of_folders.setdefault(self.folder_of[row], array("I")).append(row)
        outer = {"", *with_parents(parent_of(self.folders[number]) for number in of_folders)}
        groups: list[tuple[str, Sequence[int]]] = []
        for number, of_folder in of_folders.items():
            folder = self.folders[number]
            prefix = f"{folder}/" if folder else ""
            if folder in outer:  # other folders are between its files
                groups += [(f"{prefix}{self.names[row]}".replace("/", "\0"), (row,)) for row in of_folder]
            else:
                groups.append((prefix.replace("/", "\0"), sorted(of_folder, key=self.names.__getitem__)))
        groups.sort(key=itemgetter(0))
        return array("I", (row for _, group in groups for row in group))

    def _area(self, row: int) -> FileArea:
        return FileArea(
            path=self.path(row),
            head_bytes=self.head[row],
            base_bytes=self.base[row],
            head_hidden_bytes=self.head_hidden.get(row, 0),
            base_hidden_bytes=self.base_hidden.get(row, 0),
            layer=self.layers[row],
            package=self.packages[row],
            differs=bool(self.differs[row]),
            files=self.files[row],
        )


def parent_of(folder: str) -> str:
    """The folder that holds a folder; ``""`` for the root and the folders in it."""
    return folder.rpartition("/")[0]


def with_parents(folders: Iterable[str]) -> Iterator[str]:
    """Each of the folders once, and each of their parents, without the root."""
    found: set[str] = set()
    for folder in folders:
        while folder and folder not in found:
            found.add(folder)
            yield folder
            folder = parent_of(folder)  # noqa: PLW2901 - from the folder up to the root
