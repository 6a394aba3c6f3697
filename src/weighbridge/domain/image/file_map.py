"""The file map: every file of an image with its bytes, layer and package, small enough to embed in a report.

The number of nodes is limited. Above the limit, the largest files have a node each, and the others of a folder share
one. Figures stay exact: the areas of a side add up to its unpacked bytes.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import NamedTuple

from weighbridge.domain.image.file_map_nodes import MAXIMUM_NODES
from weighbridge.domain.image.file_table import FileTable
from weighbridge.domain.image.files import MISSING, FileDeltas, diff_files
from weighbridge.domain.image.waste import HiddenCopy
from weighbridge.domain.image.weighed import WeighedImage

NONE = -1
"""No layer, no package."""


class FileArea(NamedTuple):
    """A regular file with bytes. `path` has no leading slash. A tuple, because an image has up to a million files.

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

    @property
    def area_bytes(self) -> int:
        """The larger of the two sides, which decides whether the file has a separate node."""
        return max(self.head_bytes + self.head_hidden_bytes, self.base_bytes + self.base_hidden_bytes)


@dataclass(frozen=True, kw_only=True, slots=True)
class FileMap:
    """The files of both sides. A side that does not exist has no bytes."""

    areas: tuple[FileArea, ...]
    packages: tuple[str, ...]

    def within(self, maximum_nodes: int) -> FileMap:
        """The map with at most about `maximum_nodes` files and folders: merges small files by folder."""
        return replace(self, areas=tuple(_put_together(self.areas, maximum_nodes)))


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
    areas: list[FileArea] = []
    least_bytes = 0
    shown = head or base
    hidden = {copy.path for image in (base, head) for copy in _hidden(image)}
    if shown:
        changed = _base_bytes_of_changed(differing) if differing is not None else {}
        sides = (base is not None, head is not None)
        least_bytes = _least_kept_bytes(shown.rootfs.table, maximum_nodes)
        areas += _areas(shown, sides, _Special(changed, hidden), least_bytes)
    if base is not None and differing is not None:
        areas += _only_in_base(base, differing)
    positions = {area.path: row for row, area in enumerate(areas) if area.files == 1 and area.path in hidden}
    empty = _empty_changed(differing) if differing is not None and hidden else frozenset()
    for image in (head, base):
        for copy in _hidden(image):
            row = positions.setdefault(copy.path, len(areas))
            if row == len(areas):
                areas.append(FileArea(copy.path, layer=copy.layer, differs=copy.path in empty))
            one = areas[row]
            if image is head:
                areas[row] = one._replace(head_hidden_bytes=one.head_hidden_bytes + copy.size_bytes)
            else:
                areas[row] = one._replace(base_hidden_bytes=one.base_hidden_bytes + copy.size_bytes)
    names = (
        [f"{each.name} {each.version or ''} ({each.ecosystem.value})" for each in head.packages.packages]
        if head
        else []
    )
    keep = _largest if least_bytes else _put_together
    return FileMap(areas=tuple(keep(areas, maximum_nodes)), packages=tuple(names))


def _hidden(image: WeighedImage | None) -> Sequence[HiddenCopy]:
    return (*image.waste.own, *image.waste.inherited) if image else ()


def _base_bytes_of_changed(differing: FileDeltas) -> dict[int, int]:
    """By the number of each differing file of head: base's bytes at the same path."""
    sizes, moved = differing.base.table.sizes, differing.moved
    return {
        new: 0 if old == MISSING or new in moved else sizes[old]
        for old, new in zip(differing.base_files, differing.head_files, strict=True)
        if new != MISSING
    }


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


class _Special(NamedTuple):
    """The files with a separate area, whatever their size.

    `changed` has base's bytes by the number of each file that differs, `hidden` the paths with hidden copies.
    """

    changed: Mapping[int, int]
    hidden: Collection[str]


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
            one = one.rpartition("/")[0]
    return found


def _areas(image: WeighedImage, sides: tuple[bool, bool], chosen: _Special, least_bytes: int) -> Iterator[FileArea]:
    """The visible files with bytes: those of `least_bytes`, the `chosen` ones, and each folder's others together.

    `sides`: whether base and head exist.
    """
    has_base, has_head = sides
    table, owners = image.rootfs.table, image.packages.owners if has_head else ()
    changed, hidden = chosen
    first = _first_layers(image)
    layers = table.layers
    of_layer = [first[layer.diff_id] for layer in image.layers]
    linked = {number: table.first_path(number)[1:] for number, _ in table.linked()}
    sizes = table.sizes
    hidden_names: dict[str, set[str]] = {}
    for path in hidden:
        folder, _, name = f"/{path}".rpartition("/")
        hidden_names.setdefault(folder, set()).add(name)
    separate = changed.keys() | linked.keys()

    def area(path: str, size_bytes: int, layer: int, package: int, files: int = 1) -> FileArea:
        head_bytes, base_bytes = size_bytes if has_head else 0, size_bytes if has_base else 0
        return FileArea(path, head_bytes, base_bytes, 0, 0, layer, package, False, files)

    for (folder, start, end), largest_bytes in zip(table.ranges(), table.largest, strict=True):
        if not largest_bytes:
            continue
        numbers, of_folder = range(start, end), sizes[start:end]
        special = {number for number in numbers if number in separate} if not separate.isdisjoint(numbers) else set()
        if folder in hidden_names:
            names = hidden_names[folder]
            special |= {number for number in numbers if table.names[number] in names}
        small: Sequence[int] = numbers
        if special or largest_bytes >= least_bytes or 0 in of_folder:
            sized = [(one, size) for one, size in zip(numbers, of_folder, strict=True) if size]
            small = [one for one, size in sized if size < least_bytes and one not in special]
            for number, size_bytes in sized:
                if size_bytes < least_bytes and number not in special:
                    continue
                path = linked.get(number) or f"{folder}/{table.names[number]}"[1:]
                one = area(path, size_bytes, of_layer[layers[number]], owners[number] if owners else NONE)
                if number in changed:
                    one = one._replace(base_bytes=changed[number] if has_base else 0, differs=True)
                yield one
        if small:
            path = f"{folder}/{table.names[small[0]]}" if len(small) == 1 else folder
            of_small = {of_layer[one] for one in set(map(layers.__getitem__, small))}
            packages = set(map(owners.__getitem__, small)) if owners else set()
            size_bytes = sum(map(sizes.__getitem__, small))
            yield area(path[1:], size_bytes, _only(of_small), _only(packages), len(small))


def _only(numbers: set[int]) -> int:
    """The number that all files have; `NONE` if they differ."""
    return numbers.pop() if len(numbers) == 1 else NONE


def _put_together(areas: Sequence[FileArea], maximum_nodes: int) -> list[FileArea]:
    """All files, or the `_largest` if all need more nodes; in the order of their paths."""
    if len(areas) + _number_of_folders(areas) <= maximum_nodes:
        return sorted(areas, key=_path_order)
    return _largest(areas, maximum_nodes)


def _largest(areas: Sequence[FileArea], maximum_nodes: int) -> list[FileArea]:
    """The largest files as they are, and the others of each kept folder as one; in the order of their paths.

    A kept file takes a node, and each of its folders that is new takes two: for itself, and for its small files.
    """
    by_size = sorted((one for one in areas if one.files == 1), key=attrgetter("path"))
    by_size.sort(key=lambda one: one.area_bytes, reverse=True)
    folders: set[str] = {""}
    kept, nodes = 0, 2
    for one in by_size:
        needed = []
        folder = one.path.rpartition("/")[0]
        while folder not in folders:
            needed.append(folder)
            folder = folder.rpartition("/")[0]
        nodes += 1 + 2 * len(needed)
        if nodes > maximum_nodes:
            break
        folders.update(needed)
        kept += 1
    merged = _by_folder(itertools.chain(by_size[kept:], (one for one in areas if one.files > 1)), folders)
    return sorted(by_size[:kept] + merged, key=_path_order)


def _path_order(area: FileArea) -> str:
    """A key that sorts a folder's content together: nothing sorts before a slash."""
    return (area.path + "/" if area.files > 1 else area.path).replace("/", "\0")


def _number_of_folders(areas: Iterable[FileArea]) -> int:
    folders: set[str] = set()
    for folder in {area.path.rpartition("/")[0] for area in areas}:
        path = folder
        while path and path not in folders:
            folders.add(path)
            path = path.rpartition("/")[0]
    return len(folders)


def _by_folder(areas: Iterable[FileArea], folders: set[str]) -> list[FileArea]:
    """The areas as one for each of the `folders` that hold them. Packages and layers of one folder may differ."""
    found: dict[str, list[FileArea]] = {}
    for area in areas:
        start = area.path if area.files > 1 else area.path.rpartition("/")[0]
        while start not in folders:
            start = start.rpartition("/")[0]
        found.setdefault(start, []).append(area)
    return [_sum(folder, small) for folder, small in found.items()]


def _sum(folder: str, small: Sequence[FileArea]) -> FileArea:
    if len(small) == 1 and (small[0].files == 1 or small[0].path == folder):
        return small[0]
    return FileArea(
        path=folder,
        head_bytes=sum(area.head_bytes for area in small),
        base_bytes=sum(area.base_bytes for area in small),
        head_hidden_bytes=sum(area.head_hidden_bytes for area in small),
        base_hidden_bytes=sum(area.base_hidden_bytes for area in small),
        layer=_only({area.layer for area in small}),
        package=_only({area.package for area in small}),
        differs=any(area.differs for area in small),
        files=sum(area.files for area in small),
    )
