"""The file map: every file of an image with its bytes, layer and package, small enough to embed in a report.

The map has a bound on its nodes. Above it, the largest files have a node each, and the others of a folder share one.
Figures stay exact: the areas of a side add up to its unpacked bytes.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from weighbridge.domain.image.files import FileDelta
from weighbridge.domain.image.weighed import WeighedImage

MAXIMUM_NODES = 250_000
"""Files and folders of one map."""
MAXIMUM_PACKED_BYTES = 64 * 1024 * 1024
"""A map that unpacks to more is not read: reports may be hostile."""
NONE = -1
"""No layer, no package."""
_COMPRESSION_LEVEL = 6
_PAIRS = ("base", "headHidden", "baseHidden", "differs", "files")


class FileArea(NamedTuple):
    """A regular file with bytes. `path` has no leading slash. A tuple, because an image has up to a million files.

    `head_bytes` and `base_bytes` are visible in a container of that side; the hidden ones are copies in lower layers.
    `layer` is the index of the layer of head that wrote the file (of base, where head does not have it), `package` an
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
        """The larger of the two sides: what decides whether the file has a node of its own."""
        return max(self.head_bytes + self.head_hidden_bytes, self.base_bytes + self.base_hidden_bytes)


@dataclass(frozen=True, kw_only=True, slots=True)
class FileMap:
    """The files of both sides. A side that does not exist has no bytes."""

    areas: tuple[FileArea, ...]
    packages: tuple[str, ...]

    def within(self, maximum_nodes: int) -> FileMap:
        """The map with at most about `maximum_nodes` files and folders: small files are put together by folder."""
        return replace(self, areas=tuple(_put_together(self.areas, maximum_nodes)))


def map_files(
    base: WeighedImage | None,
    head: WeighedImage | None,
    differing: Sequence[FileDelta] = (),
    *,
    maximum_nodes: int = MAXIMUM_NODES,
) -> FileMap:
    """The map of an image. `differing` are the files that differ between its sides."""
    names: list[str] = []
    areas: dict[str, FileArea] = {}
    before = {path: (size_bytes, layer) for path, size_bytes, layer, _ in _files(base)} if base else {}
    if head is not None:
        names = [f"{each.name} {each.version or ''} ({each.ecosystem.value})" for each in head.packages.packages]
        for path, size_bytes, layer, package in _files(head):
            old_bytes = before.pop(path, (0, NONE))[0]
            areas[path] = FileArea(path, size_bytes, old_bytes, 0, 0, layer, package)
    for path, (size_bytes, layer) in before.items():
        areas[path] = FileArea(path, 0, size_bytes, 0, 0, layer)
    for copy in (*head.waste.own, *head.waste.inherited) if head else ():
        one = areas.get(copy.path) or FileArea(copy.path, layer=copy.layer)
        areas[copy.path] = one._replace(head_hidden_bytes=one.head_hidden_bytes + copy.size_bytes)
    for copy in (*base.waste.own, *base.waste.inherited) if base else ():
        one = areas.get(copy.path) or FileArea(copy.path, layer=copy.layer)
        areas[copy.path] = one._replace(base_hidden_bytes=one.base_hidden_bytes + copy.size_bytes)
    for delta in differing:
        path = delta.path.lstrip("/")
        if path in areas:
            areas[path] = areas[path]._replace(differs=True)
    return FileMap(areas=tuple(_put_together(list(areas.values()), maximum_nodes)), packages=tuple(names))


def _files(image: WeighedImage) -> Iterator[tuple[str, int, int, int]]:
    """Each regular file with bytes: its first path, size, layer and package."""
    layers: dict[str, int] = {}
    for index, layer in enumerate(image.layers):
        layers.setdefault(layer.diff_id, index)
    owners = image.packages.owners
    for number, (node, paths) in enumerate(image.rootfs.files()):
        if node.size_bytes:
            path = paths[0] if len(paths) == 1 else min(paths)
            owner = owners[number] if number < len(owners) else NONE
            yield path.lstrip("/"), node.size_bytes, layers.get(node.diff_id, NONE), owner


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
    layers = {area.layer for area in small}
    packages = {area.package for area in small}
    return FileArea(
        path=folder,
        head_bytes=sum(area.head_bytes for area in small),
        base_bytes=sum(area.base_bytes for area in small),
        head_hidden_bytes=sum(area.head_hidden_bytes for area in small),
        base_hidden_bytes=sum(area.base_hidden_bytes for area in small),
        layer=layers.pop() if len(layers) == 1 else NONE,
        package=packages.pop() if len(packages) == 1 else NONE,
        differs=any(area.differs for area in small),
        files=files,
    )


def pack(file_map: FileMap) -> bytes:
    """The map as columns of its nodes in JSON, compressed with zlib.

    A folder stands before what it holds; the root has no row, and the first row is node 1. `names` are the last parts
    of the paths, joined by slashes, and `depths` how deep each node is. `head` is -1 for a folder. A column of pairs
    ``[node, value, …]`` is 0 for all other nodes: `base` is base's bytes minus head's, `files` the number of further
    small files that the node stands for; such a node has an empty name.
    """
    rows: list[tuple[str, int, int, int, int]] = []
    pairs: dict[str, list[int]] = {name: [] for name in _PAIRS}
    open_folders: list[str] = []
    used: dict[int, int] = {NONE: NONE}
    for path, head, base, head_hidden, base_hidden, layer, package, differs, files in file_map.areas:
        parts = path.split("/") if path else []
        name = "" if files > 1 else parts.pop()
        if parts != open_folders:
            shared = _shared_parts(open_folders, parts)
            rows += [(parts[depth], depth + 1, NONE, NONE, NONE) for depth in range(shared, len(parts))]
            open_folders = parts
        rows.append((name, len(parts) + 1, head, layer, used.setdefault(package, len(used) - 1)))
        for column, value in zip(_PAIRS, (base - head, head_hidden, base_hidden, int(differs), files - 1), strict=True):
            if value:
                pairs[column] += (len(rows), value)
    names, depths, heads, layers, packages = zip(*rows, strict=True) if rows else ((), (), (), (), ())
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
    """The map in `packed`; ``None`` for what is not a map, or unpacks to more than `MAXIMUM_PACKED_BYTES`."""
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
