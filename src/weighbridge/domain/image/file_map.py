"""The file map: every file of an image with its bytes, layer and package, small enough to embed in a report.

The number of nodes is limited. Above the limit, the largest files have a node each, and the others of a folder share
one. Figures stay exact: the areas of a side add up to its unpacked bytes.
"""

from __future__ import annotations

import itertools
from array import array
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from weighbridge.domain.image.file_areas import NONE, FileArea, FileAreas, parent_of, with_parents
from weighbridge.domain.image.file_map_nodes import MAXIMUM_NODES
from weighbridge.domain.image.file_table import FileTable
from weighbridge.domain.image.files import MISSING, FileDeltas, diff_files
from weighbridge.domain.image.waste import HiddenCopy
from weighbridge.domain.image.weighed import WeighedImage

__all__ = ["NONE", "FileArea", "FileMap", "map_files"]


@dataclass(frozen=True, kw_only=True, slots=True)
class FileMap:
    """The files of both sides. A side that does not exist has no bytes."""

    areas: Sequence[FileArea]
    packages: tuple[str, ...]

    def __post_init__(self) -> None:
        """Store the areas as columns. Raises OverflowError and TypeError for values that are no numbers of files."""
        object.__setattr__(self, "areas", FileAreas.of(self.areas))

    @property
    def columns(self) -> FileAreas:
        """The areas as columns."""
        if not isinstance(self.areas, FileAreas):
            raise AssertionError("__post_init__ makes columns of all areas")
        return self.areas

    def within(self, maximum_nodes: int) -> FileMap:
        """The map with at most about `maximum_nodes` files and folders: merges small files by folder."""
        areas = self.columns.taken(range(len(self.areas)))
        return replace(self, areas=_put_together(areas, maximum_nodes))


def map_files(
    base: WeighedImage | None,
    head: WeighedImage | None,
    differing: FileDeltas | None = None,
    *,
    maximum_nodes: int = MAXIMUM_NODES,
) -> FileMap:
    """The map of an image. `differing` are all files that differ between its sides; ``None`` compares the sides."""
    if differing is None and base and head:
        differing = diff_files(base.rootfs, head.rootfs)
    shown = head or base
    least_bytes = _least_kept_bytes(shown.rootfs.table, maximum_nodes) if shown else 0
    keep = _largest if least_bytes else _put_together
    areas = keep(_all_areas(base, head, differing, least_bytes), maximum_nodes)
    names = (
        [f"{each.name} {each.version or ''} ({each.ecosystem.value})" for each in head.packages.packages]
        if head
        else []
    )
    return FileMap(areas=areas, packages=tuple(names))


def _all_areas(
    base: WeighedImage | None, head: WeighedImage | None, differing: FileDeltas | None, least_bytes: int
) -> FileAreas:
    """The areas of all files, in any order; without separate areas of visible files below `least_bytes`."""
    areas = FileAreas()
    hidden_names = _names_by_folder(_hidden(base), _hidden(head))
    shown = head or base
    if shown:
        changed = _base_bytes_of_changed(differing) if differing is not None else None
        linked = frozenset(number for number, _ in shown.rootfs.table.linked())
        visible = _VisibleFiles(shown, (base is not None, head is not None))
        visible.add_to(areas, _Separate(changed, hidden_names, linked), least_bytes)
    if base is not None and differing is not None:
        for area in _only_in_base(base, differing):
            areas.add(area)
    if hidden_names:
        _add_hidden(areas, base, head, differing, hidden_names)
    return areas


def _hidden(image: WeighedImage | None) -> Sequence[HiddenCopy]:
    return (*image.waste.own, *image.waste.inherited) if image else ()


def _names_by_folder(*copies: Sequence[HiddenCopy]) -> dict[str, set[str]]:
    """The names of hidden files, by folder without a leading slash."""
    names: dict[str, set[str]] = {}
    for copy in itertools.chain.from_iterable(copies):
        folder, _, name = copy.path.rpartition("/")
        names.setdefault(folder, set()).add(name)
    return names


def _add_hidden(
    areas: FileAreas,
    base: WeighedImage | None,
    head: WeighedImage | None,
    differing: FileDeltas | None,
    names: Mapping[str, Collection[str]],
) -> None:
    """Add the bytes of hidden copies, which have `names` by folder, to the areas of their paths, or as new areas."""
    folders = {number for number, folder in enumerate(areas.folders) if folder in names}
    rows = [row for row, number in enumerate(areas.folder_of) if number in folders and areas.files[row] == 1]
    positions = {areas.path(row): row for row in rows if areas.names[row] in names[areas.folders[areas.folder_of[row]]]}
    empty = _empty_changed(differing) if differing is not None else frozenset()
    for image in (head, base):
        for copy in _hidden(image):
            row = positions.get(copy.path)
            if row is None:
                row = positions[copy.path] = areas.add(
                    FileArea(copy.path, layer=copy.layer, differs=copy.path in empty)
                )
            areas.hide(row, copy.size_bytes if image is head else 0, copy.size_bytes if image is base else 0)


def _base_bytes_of_changed(differing: FileDeltas) -> array[int]:
    """By the number of each file of head: base's bytes at the same path if the file differs; `NONE` if not."""
    sizes, moved = differing.base.table.sizes, differing.moved
    found = array("q", [NONE]) * len(differing.head.table)
    for old, new in zip(differing.base_files, differing.head_files, strict=True):
        if new != MISSING:
            found[new] = 0 if old == MISSING or new in moved else sizes[old]
    return found


def _empty_changed(differing: FileDeltas) -> frozenset[str]:
    """The paths of the differing files without bytes, which have no area of their own."""
    before, after = differing.base.table.sizes, differing.head.table.sizes
    return frozenset(
        differing.path(row)[1:]
        for row, (old, new) in enumerate(zip(differing.base_files, differing.head_files, strict=True))
        if (old == MISSING or not before[old]) and (new == MISSING or not after[new])
    )


def _only_in_base(base: WeighedImage, differing: FileDeltas) -> Iterator[FileArea]:
    """The files with bytes that base has and head does not have at that path."""
    table = base.rootfs.table
    first = _first_layers(base)
    layers = table.layers
    of_layer = [first[layer.diff_id] for layer in base.layers]
    for old, new in zip(differing.base_files, differing.head_files, strict=True):
        if old == MISSING or not table.sizes[old]:
            continue
        is_moved = new in differing.moved
        if new == MISSING or is_moved or not differing.head.table.sizes[new]:
            yield FileArea(
                table.first_path(old)[1:],
                base_bytes=table.sizes[old],
                layer=of_layer[layers[old]],
                differs=not is_moved,
            )


def _first_layers(image: WeighedImage) -> dict[str, int]:
    layers: dict[str, int] = {}
    for index, layer in enumerate(image.layers):
        layers.setdefault(layer.diff_id, index)
    return layers


class _Separate(NamedTuple):
    """The files with a separate area, whatever their size.

    `changed` has base's bytes of each file that differs, by number, and `NONE` for the others; ``None`` if none
    differs. `hidden` has the names with hidden copies, by folder. `linked` are the files with several names.
    """

    changed: array[int] | None
    hidden: Mapping[str, Collection[str]]
    linked: frozenset[int]

    def among(self, table: FileTable, folder: str, numbers: range) -> set[int]:
        """The numbers of such files among those of a folder."""
        found = set()
        if self.changed is not None:
            sizes = self.changed[numbers.start : numbers.stop]
            found = {number for number, size in zip(numbers, sizes, strict=True) if size != NONE}
        if folder in self.hidden:
            hidden, names = self.hidden[folder], table.names[numbers.start : numbers.stop]
            found |= {number for number, name in zip(numbers, names, strict=True) if name in hidden}
        if self.linked and not self.linked.isdisjoint(numbers):
            found |= self.linked.intersection(numbers)
        return found


def _least_kept_bytes(table: FileTable, maximum_nodes: int) -> int:
    """A size below which `_largest` keeps no visible file, except special ones; 0 if the map may have them all.

    Found by counting, because an area for each of a million files takes seconds. Special files only add nodes.
    """
    if len(table) <= maximum_nodes // 2:
        return 0
    linked = {number for number, _ in table.linked()}  # their nodes may be in another folder
    files = Counter(table.sizes)
    files.subtract(table.sizes[number] for number in linked)
    del files[0]
    by_folder = _largest_below(table, linked)
    if files.total() + len(by_folder) <= maximum_nodes:
        return 0
    folders = iter(sorted(by_folder.values(), reverse=True))
    folder_bytes, nodes = next(folders, 0), 2
    for size_bytes in sorted(files, reverse=True):
        nodes += files[size_bytes]
        while folder_bytes >= size_bytes:
            nodes += 2
            folder_bytes = next(folders, 0)
        if nodes > maximum_nodes:
            return size_bytes
    return 0


def _largest_below(table: FileTable, left_out: set[int]) -> dict[str, int]:
    """For each folder below the root: the size of the largest file in it or below it."""
    found: dict[str, int] = {}
    for (folder, start, end), largest in zip(table.ranges(), table.largest, strict=True):
        if left_out and not left_out.isdisjoint(range(start, end)):
            kept = (table.sizes[number] for number in range(start, end) if number not in left_out)
            largest = max(kept, default=0)  # noqa: PLW2901 - without the files left out
        one = folder
        while one and found.get(one, 0) < largest:
            found[one] = largest
            one = parent_of(one)
    return found


class _VisibleFiles:
    """The visible files with bytes of an image. `sides`: whether base and head exist."""

    def __init__(self, image: WeighedImage, sides: tuple[bool, bool]) -> None:
        self._has_base, self._has_head = sides
        self._table = image.rootfs.table
        self._owners = image.packages.owners if self._has_head else array("i", [NONE]) * len(self._table)
        first = _first_layers(image)
        self._layer_of = [first[layer.diff_id] for layer in image.layers]

    def add_to(self, areas: FileAreas, separate: _Separate, least_bytes: int) -> None:
        """Add those of `least_bytes`, the `separate` ones, and each folder's others together."""
        table = self._table
        for (folder, start, end), largest_bytes in zip(table.ranges(), table.largest, strict=True):
            if not largest_bytes:
                continue
            path, numbers, sizes = folder[1:], range(start, end), table.sizes[start:end]
            apart = separate.among(table, path, numbers)
            kept: Sequence[int] = numbers
            small: Sequence[int] = ()
            if apart or min(sizes) < max(least_bytes, 1):
                sized = [(number, size) for number, size in zip(numbers, sizes, strict=True) if size]
                kept = [number for number, size in sized if size >= least_bytes or number in apart]
                small = [number for number, size in sized if size < least_bytes and number not in apart]
            if kept:
                self._add_each(areas, path, kept, apart, separate)
            if small:
                self._add_together(areas, path, small)

    def _add_each(
        self, areas: FileAreas, folder: str, kept: Sequence[int], apart: set[int], separate: _Separate
    ) -> None:
        table = self._table
        nothing = bytes(len(kept))
        sizes = array("q", map(table.sizes.__getitem__, kept))
        first_row = areas.add_files(
            folder,
            table.names[kept.start : kept.stop] if isinstance(kept, range) else [table.names[one] for one in kept],
            head=sizes if self._has_head else nothing,
            base=sizes if self._has_base else nothing,
            layers=[self._layer_of[table.layers[one]] for one in kept],
            packages=map(self._owners.__getitem__, kept),
        )
        for row, number in enumerate(kept, first_row) if apart else ():
            if number in separate.linked:
                areas.move(row, table.first_path(number)[1:])
            if separate.changed is not None and separate.changed[number] != NONE:
                areas.base[row] = separate.changed[number] if self._has_base else 0
                areas.differs[row] = True

    def _add_together(self, areas: FileAreas, folder: str, small: Sequence[int]) -> None:
        table = self._table
        size_bytes = sum(map(table.sizes.__getitem__, small))
        areas.add(
            FileArea(
                path=folder if len(small) > 1 else table.path(small[0])[1:],
                head_bytes=size_bytes if self._has_head else 0,
                base_bytes=size_bytes if self._has_base else 0,
                layer=_only({self._layer_of[one] for one in set(map(table.layers.__getitem__, small))}),
                package=_only(set(map(self._owners.__getitem__, small))),
                files=len(small),
            )
        )


def _only(numbers: set[int]) -> int:
    """The number that all files have; `NONE` if they differ."""
    return numbers.pop() if len(numbers) == 1 else NONE


def _put_together(areas: FileAreas, maximum_nodes: int) -> FileAreas:
    """All files, or the `_largest` if all need more nodes; in the order of their paths. Changes `areas`."""
    if len(areas) + _number_of_folders(areas) <= maximum_nodes:
        return areas.taken(areas.in_order_of_paths(range(len(areas))))
    return _largest(areas, maximum_nodes)


def _largest(areas: FileAreas, maximum_nodes: int) -> FileAreas:
    """The largest files as they are, and the others of each kept folder as one; in the order of their paths.

    A kept file takes a node, and each of its folders that is new takes two: for itself, and for its small files.
    Changes `areas`.
    """
    folders: set[str] = {""}
    kept, nodes = array("I"), 2
    is_kept = bytearray(len(areas))
    for row in _by_size(areas):
        needed = []
        folder = areas.folders[areas.folder_of[row]]
        while folder not in folders:
            needed.append(folder)
            folder = parent_of(folder)
        nodes += 1 + 2 * len(needed)
        if nodes > maximum_nodes:
            break
        folders.update(needed)
        kept.append(row)
        is_kept[row] = True
    kept.extend(_merged_by_folder(areas, (row for row in range(len(areas)) if not is_kept[row]), folders))
    return areas.taken(areas.in_order_of_paths(kept))


def _by_size(areas: FileAreas) -> Iterator[int]:
    """The rows of single files, the largest first; files of one size in the order of their paths."""
    sizes = array("q", map(areas.area_bytes, range(len(areas))))
    rows = (row for row, files in enumerate(areas.files) if files == 1)
    by_size = sorted(rows, key=sizes.__getitem__, reverse=True)
    for _, same in itertools.groupby(by_size, key=sizes.__getitem__):
        yield from sorted(same, key=areas.path)


def _number_of_folders(areas: FileAreas) -> int:
    used = {(number, files > 1) for number, files in zip(areas.folder_of, areas.files, strict=True)}
    folders = (parent_of(areas.folders[number]) if is_area else areas.folders[number] for number, is_area in used)
    return sum(1 for _ in with_parents(folders))


def _merged_by_folder(areas: FileAreas, rows: Iterable[int], folders: set[str]) -> list[int]:
    """Puts `rows` together to one for each of the `folders` that hold them. Returns the rows."""
    kept_folders: dict[int, str] = {}
    found: dict[str, array[int]] = {}
    for row in rows:
        number = areas.folder_of[row]
        kept_folder = kept_folders.get(number)
        if kept_folder is None:
            kept_folder = areas.folders[number]
            while kept_folder not in folders:
                kept_folder = parent_of(kept_folder)
            kept_folders[number] = kept_folder
        found.setdefault(kept_folder, array("I")).append(row)
    return [_merged(areas, folder, small) for folder, small in found.items()]


def _merged(areas: FileAreas, folder: str, small: Sequence[int]) -> int:
    """The row of all the `small` files together. Packages and layers of one folder may differ."""
    if len(small) == 1 and (areas.files[small[0]] == 1 or areas.path(small[0]) == folder):
        return small[0]
    return areas.add(
        FileArea(
            path=folder,
            head_bytes=sum(map(areas.head.__getitem__, small)),
            base_bytes=sum(map(areas.base.__getitem__, small)),
            head_hidden_bytes=sum(areas.head_hidden.get(row, 0) for row in small),
            base_hidden_bytes=sum(areas.base_hidden.get(row, 0) for row in small),
            layer=_only(set(map(areas.layers.__getitem__, small))),
            package=_only(set(map(areas.packages.__getitem__, small))),
            differs=any(map(areas.differs.__getitem__, small)),
            files=sum(map(areas.files.__getitem__, small)),
        )
    )
