"""The file map as bytes in a report: columns in JSON, compressed with zlib."""

from __future__ import annotations

import itertools
import json
import zlib
from array import array
from collections.abc import Iterator, Mapping, Sequence

from weighbridge.domain.image.file_areas import NONE, FileArea, FileAreas
from weighbridge.domain.image.file_map import FileMap
from weighbridge.domain.secret_values import SecretMask

MAXIMUM_PACKED_BYTES = 64 * 1024 * 1024
"""Maximum unpacked size of a map that is read: reports may be hostile."""
_COMPRESSION_LEVEL = 5
"""Takes half the time of level 6, for a map that is 2 % larger."""
_PATHS_AT_ONCE = 1_000
_NUMBERS_AT_ONCE = 10_000
_NAMES, _PACKAGE_NAMES = '{"names":', ',"packageNames":'
"""The beginnings of the first two columns in what `pack` writes."""
_INVALID = (zlib.error, ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError, OverflowError)
"""What reading the columns of a hostile map raises."""
_RARE_PAIRS = ("headHidden", "baseHidden", "differs", "files")
_PAIRS = ("base", *_RARE_PAIRS)


def pack(file_map: FileMap) -> bytes:
    """The map as columns of its nodes in JSON, compressed with zlib.

    A folder precedes its contents; the root has no row, and the first row is node 1. `names` are the last parts
    of the paths, joined by slashes, and `depths` how deep each node is. `head` is -1 for a folder. A column of pairs
    ``[node, value, …]`` is 0 for all other nodes: `base` is base's bytes minus head's, `files` the number of further
    small files in the node; such a node has an empty name.
    """
    areas = file_map.columns
    names: list[str] = []
    depths, heads, layers, packages = array("I"), array("q"), array("i"), array("i")
    pairs = {name: array("q") for name in _PAIRS}
    used: dict[int, int] = {NONE: NONE}
    open_folder, open_parts = NONE, list[str]()
    columns = (areas.folder_of, areas.names, areas.head, areas.base, areas.layers, areas.packages)
    for row, (folder, name, head, base, layer, package) in enumerate(zip(*columns, strict=True)):
        if folder != open_folder:  # the areas of a folder follow each other: only its first area looks for new folders
            path = areas.folders[folder]
            parts = path.split("/") if path else []
            new = range(_shared_parts(open_parts, parts), len(parts))
            names += [parts[depth] for depth in new]
            depths.extend(depth + 1 for depth in new)
            for column in (heads, layers, packages):
                column.extend([NONE] * len(new))
            open_folder, open_parts = folder, parts
        names.append(name)
        depths.append(len(open_parts) + 1)
        heads.append(head)
        layers.append(layer)
        packages.append(used.setdefault(package, len(used) - 1))
        if base != head:
            pairs["base"].extend((len(names), base - head))
        rare = (areas.head_hidden.get(row, 0), areas.base_hidden.get(row, 0), areas.differs[row], areas.files[row] - 1)
        if any(rare):
            for title, value in zip(_RARE_PAIRS, rare, strict=True):
                if value:
                    pairs[title].extend((len(names), value))
    return _compressed(
        {
            "names": "/".join(names),
            "packageNames": [file_map.packages[number] for number in used if number != NONE],
            "depths": depths,
            "head": heads,
            "layers": layers,
            "packages": packages,
            **pairs,
        }
    )


def _compressed(columns: Mapping[str, str | Sequence[str] | array[int]]) -> bytes:
    """The columns as an object in JSON, compressed. Writes it part by part: the whole text takes much memory."""
    stream = zlib.compressobj(_COMPRESSION_LEVEL)
    packed = bytearray()
    for number, (name, column) in enumerate(columns.items()):
        packed += stream.compress(f"{',' if number else '{'}{json.dumps(name)}:".encode())
        if isinstance(column, array):
            for at in range(0, len(column), _NUMBERS_AT_ONCE):
                several = ",".join(map(str, column[at : at + _NUMBERS_AT_ONCE]))
                packed += stream.compress(f"{',' if at else '['}{several}".encode())
            packed += stream.compress(b"]" if column else b"[]")
        else:
            packed += stream.compress(json.dumps(column, separators=(",", ":")).encode())
    return bytes(packed + stream.compress(b"}") + stream.flush())


def _shared_parts(one: Sequence[str], other: Sequence[str]) -> int:
    shared = 0
    while shared < min(len(one), len(other)) and one[shared] == other[shared]:
        shared += 1
    return shared


def unpack(packed: bytes) -> FileMap | None:
    """The map in `packed`; ``None`` if it is not a map, or unpacks to more than `MAXIMUM_PACKED_BYTES`."""
    try:
        return _read(_columns(_text(packed)))
    except _INVALID:
        return None


def masked_map(packed: bytes, mask: SecretMask) -> bytes | None:
    """The map with `mask` of each path and package; ``None`` for an invalid map.

    Most maps stay as they are, and their names show it: to read all areas of a map takes a second, and the memory of
    all its files.
    """
    try:
        text = _text(packed)
        if _is_plain(text, mask):
            return packed
        columns = _columns(text)
        if all(mask.text(lines) == lines for lines in _lines(columns)):
            return packed
        whole = _read(columns)
    except _INVALID:
        return None
    masked = FileMap(
        areas=[area._replace(path=mask.text(area.path)) for area in whole.areas],
        packages=tuple(map(mask.text, whole.packages)),
    )
    return packed if masked == whole else pack(masked)


def _text(packed: bytes) -> str:
    stream = zlib.decompressobj()
    text = stream.decompress(packed, MAXIMUM_PACKED_BYTES)
    if not stream.eof:
        raise ValueError
    return text.decode()


def _is_plain(text: str, mask: SecretMask) -> bool:
    """True if the names in a map show that no path and no package has a secret. Reads no other column."""
    read = json.JSONDecoder().raw_decode
    if not text.startswith(_NAMES):
        return False
    names, end = read(text, len(_NAMES))
    if not text.startswith(_PACKAGE_NAMES, end):
        return False
    packages, _ = read(text, end + len(_PACKAGE_NAMES))
    lines = "\n".join(map(str, packages))
    return not mask.may_be_in_path_of(str(names)) and mask.text(lines) == lines


def _columns(text: str) -> Mapping[str, list[int]]:
    columns: Mapping[str, list[int]] = json.loads(text)
    return columns


def _paths(columns: Mapping[str, list[int]]) -> Iterator[tuple[int, int, str]]:
    """Node number, number of files and path of each area."""
    names = str(columns["names"]).split("/") if columns["depths"] else []
    more_files = dict(zip(columns["files"][::2], columns["files"][1::2], strict=True))
    folders: list[str] = []
    for number, (name, depth, size_bytes) in enumerate(
        zip(names, columns["depths"], columns["head"], strict=True), start=1
    ):
        del folders[depth - 1 :]
        if size_bytes == NONE:
            folders.append(name)
            continue
        files = more_files.get(number, 0) + 1
        yield number, files, "/".join(folders if files > 1 else [*folders, name])


def _lines(columns: Mapping[str, list[int]]) -> Iterator[str]:
    """All paths and packages, many in one text."""
    paths = (path for _, _, path in _paths(columns))
    while several := list(itertools.islice(paths, _PATHS_AT_ONCE)):
        yield "\n".join(several)
    yield "\n".join(map(str, columns["packageNames"]))


def _read(columns: Mapping[str, list[int]]) -> FileMap:
    head, layers, packages = columns["head"], columns["layers"], columns["packages"]
    pairs = {name: dict(zip(columns[name][::2], columns[name][1::2], strict=True)) for name in _PAIRS}
    areas = FileAreas.of(
        FileArea(
            path=path,
            head_bytes=head[number - 1],
            base_bytes=head[number - 1] + pairs["base"].get(number, 0),
            head_hidden_bytes=pairs["headHidden"].get(number, 0),
            base_hidden_bytes=pairs["baseHidden"].get(number, 0),
            layer=layers[number - 1],
            package=packages[number - 1],
            differs=bool(pairs["differs"].get(number)),
            files=files,
        )
        for number, files, path in _paths(columns)
    )
    return FileMap(areas=areas, packages=tuple(map(str, columns["packageNames"])))
