"""The file map: every file of an image with its bytes, layer and package, small enough to embed in a report.

The number of nodes is limited. Above the limit, the largest files have a node each, and the others of a folder share
one. Figures stay exact: the areas of a side add up to its unpacked bytes.
"""

from __future__ import annotations

import heapq
import json
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from weighbridge.domain.image.file_map_nodes import MAXIMUM_NODES
from weighbridge.domain.image.files import MISSING, FileDeltas, diff_files
from weighbridge.domain.image.waste import HiddenCopy
from weighbridge.domain.image.weighed import WeighedImage

MAXIMUM_PACKED_BYTES = 64 * 1024 * 1024
"""Maximum unpacked size of a map that is read: reports may be hostile."""
NONE = -1
"""No layer, no package."""
_COMPRESSION_LEVEL = 6
_PAIRS = ("base", "headHidden", "baseHidden", "differs", "files")


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
    shown = head or base
    hidden = {copy.path for image in (base, head) for copy in _hidden(image)}
    if shown:
        changed = _base_bytes_of_changed(differing) if differing is not None else {}
        sides = (base is not None, head is not None)
        areas += _areas(shown, sides, _Special(changed, hidden), maximum_nodes)
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
    return FileMap(areas=tuple(_put_together(areas, maximum_nodes)), packages=tuple(names))


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
    layers = table.layers()
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


def _areas(image: WeighedImage, sides: tuple[bool, bool], special: _Special, maximum_nodes: int) -> Iterator[FileArea]:
    """The visible files with bytes: the largest and the `special` ones, and for each folder the others together.

    `sides`: whether base and head exist.
    """
    has_base, has_head = sides
    table, owners = image.rootfs.table, image.packages.owners if has_head else ()
    changed, hidden = special
    first = _first_layers(image)
    layers = table.layers()
    of_layer = [first[layer.diff_id] for layer in image.layers]
    linked = {number: table.first_path(number)[1:] for number, _ in table.linked()}
    sizes = table.sizes
    least_bytes = min(heapq.nlargest(maximum_nodes, sizes), default=0) if len(sizes) > maximum_nodes else 0
    looked_into = {path.rpartition("/")[0] for path in hidden} | {table.folder(number)[1:] for number in linked}

    def area(path: str, numbers: Sequence[int]) -> FileArea:
        size_bytes = sum(map(sizes.__getitem__, numbers))
        return FileArea(
            path=path,
            head_bytes=size_bytes if has_head else 0,
            base_bytes=size_bytes if has_base else 0,
            layer=_only({of_layer[layers[number]] for number in numbers}),
            package=_only({owners[number] if number < len(owners) else NONE for number in numbers}),
            files=len(numbers),
        )

    for folder, start, end in table.ranges():
        numbers = range(start, end)
        of_folder = sizes[start:end]
        in_folder = folder[1:]
        if (
            least_bytes
            and max(of_folder) < least_bytes
            and min(of_folder)
            and in_folder not in looked_into
            and changed.keys().isdisjoint(numbers)
        ):
            yield area(f"{folder}/{table.names[start]}"[1:] if end - start == 1 else in_folder, numbers)
            continue
        others: list[int] = []
        for number in numbers:
            size_bytes = sizes[number]
            if not size_bytes:
                continue
            is_changed = number in changed
            path = linked.get(number) or f"{folder}/{table.names[number]}"[1:]
            if size_bytes < least_bytes and number not in linked and not is_changed and path not in hidden:
                others.append(number)
                continue
            yield FileArea(
                path,
                size_bytes if has_head else 0,
                changed.get(number, size_bytes) if has_base else 0,
                layer=of_layer[layers[number]],
                package=owners[number] if number < len(owners) else NONE,
                differs=is_changed,
            )
        if others:
            yield area(f"{folder}/{table.names[others[0]]}"[1:] if len(others) == 1 else in_folder, others)


def _only(numbers: set[int]) -> int:
    """The number that all files have; `NONE` if they differ."""
    return numbers.pop() if len(numbers) == 1 else NONE


def _put_together(areas: Sequence[FileArea], maximum_nodes: int) -> list[FileArea]:
    """The largest files as they are, and the others of each kept folder as one; in the order of their paths.

    A kept file takes a node, and each of its folders that is new takes two: for itself, and for its small files.
    """
    if len(areas) + _number_of_folders(areas) <= maximum_nodes:
        return sorted(areas, key=_path_order)
    by_size = sorted(areas, key=lambda area: (area.files > 1, -area.area_bytes, area.path))
    folders: set[str] = {""}
    kept: list[FileArea] = []
    nodes = 2
    for position, area in enumerate(by_size):
        needed = [folder for folder in _folders_of(area.path) if folder not in folders]
        if area.files > 1 or nodes + 1 + 2 * len(needed) > maximum_nodes:
            kept += _by_folder(by_size[position:], folders)
            break
        nodes += 1 + 2 * len(needed)
        folders.update(needed)
        kept.append(area)
    return sorted(kept, key=_path_order)


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


def _folders_of(path: str) -> Iterator[str]:
    """The folders that hold `path`, from the innermost to the outermost; not the root."""
    while path := path.rpartition("/")[0]:
        yield path


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
    files = sum(area.files for area in small)
    if len(small) == 1 and files == 1:
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
        files=files,
    )


def pack(file_map: FileMap) -> bytes:
    """The map as columns of its nodes in JSON, compressed with zlib.

    A folder precedes its contents; the root has no row, and the first row is node 1. `names` are the last parts
    of the paths, joined by slashes, and `depths` how deep each node is. `head` is -1 for a folder. A column of pairs
    ``[node, value, …]`` is 0 for all other nodes: `base` is base's bytes minus head's, `files` the number of further
    small files in the node; such a node has an empty name.
    """
    names: list[str] = []
    depths: list[int] = []
    heads: list[int] = []
    layers: list[int] = []
    packages: list[int] = []
    pairs: dict[str, list[int]] = {name: [] for name in _PAIRS}
    used: dict[int, int] = {NONE: NONE}
    open_folder, open_parts = "", list[str]()
    for path, head, base, head_hidden, base_hidden, layer, package, differs, files in file_map.areas:
        folder, _, name = (path, "", "") if files > 1 else path.rpartition("/")
        if folder != open_folder:  # the areas of a folder follow each other: only its first area looks for new folders
            parts = folder.split("/") if folder else []
            new = range(_shared_parts(open_parts, parts), len(parts))
            names += [parts[depth] for depth in new]
            depths += [depth + 1 for depth in new]
            for column in (heads, layers, packages):
                column.extend([NONE] * len(new))
            open_folder, open_parts = folder, parts
        names.append(name)
        depths.append(len(open_parts) + 1)
        heads.append(head)
        layers.append(layer)
        packages.append(used.setdefault(package, len(used) - 1))
        if base != head or head_hidden or base_hidden or differs or files > 1:
            values = (base - head, head_hidden, base_hidden, int(differs), files - 1)
            for title, value in zip(_PAIRS, values, strict=True):
                if value:
                    pairs[title] += (len(names), value)
    columns = {
        "names": "/".join(names),
        "packageNames": [file_map.packages[number] for number in used if number != NONE],
        "depths": depths,
        "head": heads,
        "layers": layers,
        "packages": packages,
        **pairs,
    }
    return zlib.compress(json.dumps(columns, separators=(",", ":")).encode(), _COMPRESSION_LEVEL)


def _shared_parts(one: Sequence[str], other: Sequence[str]) -> int:
    shared = 0
    while shared < min(len(one), len(other)) and one[shared] == other[shared]:
        shared += 1
    return shared


def unpack(packed: bytes) -> FileMap | None:
    """The map in `packed`; ``None`` if it is not a map, or unpacks to more than `MAXIMUM_PACKED_BYTES`."""
    try:
        stream = zlib.decompressobj()
        text = stream.decompress(packed, MAXIMUM_PACKED_BYTES)
        if not stream.eof:
            return None
        return _read(json.loads(text))
    except (zlib.error, ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError):
        return None


def _read(columns: Mapping[str, list[int]]) -> FileMap:
    names = str(columns["names"]).split("/") if columns["depths"] else []
    head, depths = columns["head"], columns["depths"]
    pairs = {name: dict(zip(columns[name][::2], columns[name][1::2], strict=True)) for name in _PAIRS}
    areas: list[FileArea] = []
    folders: list[str] = []
    for number, (name, depth, size_bytes) in enumerate(zip(names, depths, head, strict=True), start=1):
        del folders[depth - 1 :]
        if size_bytes == NONE:
            folders.append(name)
            continue
        files = pairs["files"].get(number, 0) + 1
        areas.append(
            FileArea(
                path="/".join(folders if files > 1 else [*folders, name]),
                head_bytes=size_bytes,
                base_bytes=size_bytes + pairs["base"].get(number, 0),
                head_hidden_bytes=pairs["headHidden"].get(number, 0),
                base_hidden_bytes=pairs["baseHidden"].get(number, 0),
                layer=columns["layers"][number - 1],
                package=columns["packages"][number - 1],
                differs=bool(pairs["differs"].get(number)),
                files=files,
            )
        )
    return FileMap(areas=tuple(areas), packages=tuple(map(str, columns["packageNames"])))
