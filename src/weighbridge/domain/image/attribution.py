"""Explains a change in size: moved files, folders, metadata copies, and the cause."""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from weighbridge.domain.image.align import WeighedLayer
from weighbridge.domain.image.file_table import FileTable
from weighbridge.domain.image.files import MISSING, FileDeltas
from weighbridge.domain.image.rootfs import Rootfs
from weighbridge.domain.image.waste import Hiding, Waste

MAX_FOLDERS = 20
_MOST = 0.8
"""A folder with this share of its parent's change replaces the parent."""
_LEAST = 0.1
"""Minimum share of its parent's change for a folder to be listed separately."""
_MAX_DEPTH = 32
"""Maximum depth of folders, so that long hostile paths cost no time."""


class Cause(enum.StrEnum):
    """The cause of a difference between base and head, with the names of the report."""

    OWN_CHANGE = "own-change"
    """The repository changed: the Dockerfile, the files that it copies, or the build settings."""
    BASE_IMAGE_MOVED = "base-image-moved"
    """``FROM`` or ``COPY --from`` has the same image name, which now resolves to another image."""
    DRIFT = "drift"
    """The repository and the base image are the same for this image, and the build produced other content."""
    NOISE = "noise"
    """The sizes differ no more than two builds of base do."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceChange:
    """The changes between an image's two sides in the repository.

    `edited`: the Dockerfile, its context or its build settings differ. `same_base_image`: the lowest ``FROM`` of the
    image's stages has the same image name on both sides. `other_image_moved`: the name of an image that any stage uses
    resolved to another image when base was measured.
    """

    edited: bool
    same_base_image: bool
    other_image_moved: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class FolderDelta:
    """A folder, with the number of changed files below it and their change in bytes: head minus base."""

    path: str
    delta_bytes: int
    files: int


@dataclass(frozen=True, kw_only=True, slots=True)
class MetadataCopies:
    """Files that a layer contains only because it changed their mode, owner or time."""

    files: int
    size_bytes: int


def find_causes(
    base: Sequence[WeighedLayer],
    head: Sequence[WeighedLayer],
    source: SourceChange,
    *,
    noise_bytes: int | None = None,
) -> tuple[Cause, ...]:
    """Why two images of one Dockerfile differ, the main cause first; empty if their layers are equal.

    The cause that explains more bytes comes first. `noise_bytes` is the difference of two builds of base; a change of
    size within it counts as noise, whatever else changed.
    """
    if [layer.diff_id for layer in base] == [layer.diff_id for layer in head]:
        return ()
    delta_bytes = _bytes(head) - _bytes(base)
    if delta_bytes and noise_bytes is not None and abs(delta_bytes) <= noise_bytes:
        return (Cause.NOISE,)
    below_base = [layer for layer in base if layer.from_base_image]
    below_head = [layer for layer in head if layer.from_base_image]
    moved = source.same_base_image and [one.diff_id for one in below_base] != [one.diff_id for one in below_head]
    if not moved and source.other_image_moved:
        return (Cause.OWN_CHANGE, Cause.BASE_IMAGE_MOVED) if source.edited else (Cause.BASE_IMAGE_MOVED,)
    if not moved:
        return (Cause.OWN_CHANGE,) if source.edited else (Cause.DRIFT,)
    base_image_bytes = _bytes(below_head) - _bytes(below_base)
    own_bytes = delta_bytes - base_image_bytes
    if not source.edited:
        return (Cause.BASE_IMAGE_MOVED, Cause.DRIFT) if own_bytes else (Cause.BASE_IMAGE_MOVED,)
    if abs(base_image_bytes) > abs(own_bytes):
        return Cause.BASE_IMAGE_MOVED, Cause.OWN_CHANGE
    return Cause.OWN_CHANGE, Cause.BASE_IMAGE_MOVED


def pair_moved(deltas: FileDeltas) -> FileDeltas:
    """`deltas`, with each moved file as one entry: `path` is its new place, `base` the file at its old place.

    A file moved if another path lost a file with its size and content. Files with the same name are paired first. Empty
    files, and files with unknown content, are not paired.
    """
    gone = [old for old, new, link in deltas.rows() if new == MISSING and link is None]
    came = [new for old, new, link in deltas.rows() if old == MISSING and link is None]
    # Content is requested only for sizes that occur on both sides, because it may require reading the file.
    before, after = deltas.base.table.sizes, deltas.head.table.sizes
    sizes = {before[old] for old in gone} & {after[new] for new in came} - {0}
    if not sizes:
        return deltas
    of_base = _by_content(gone, deltas.base, sizes)
    moved: dict[int, int] = {}
    for key, arrivals in _by_content(came, deltas.head, sizes).items():
        moved.update(_pairs(of_base.get(key, ()), arrivals, deltas.base.table, deltas.head.table))
    if not moved:
        return deltas
    left = frozenset(moved.values())
    rows = (
        (moved.get(new, old) if old == MISSING else old, new, link)
        for old, new, link in deltas.rows()
        if new != MISSING or old not in left
    )
    return FileDeltas(deltas.base, deltas.head, rows, moved=moved)


def _pairs(gone: Sequence[int], came: Sequence[int], before: FileTable, after: FileTable) -> Iterator[tuple[int, int]]:
    """Pair each added file with at most one removed file: equal names first, then in the order of their paths."""
    by_name: dict[str, list[int]] = {}
    for old in sorted(gone, key=before.first_path, reverse=True):
        by_name.setdefault(_name(before, old), []).append(old)
    rest: list[int] = []
    for new in sorted(came, key=after.first_path):
        same_name = by_name.get(_name(after, new))
        if same_name:
            yield new, same_name.pop()
        else:
            rest.append(new)
    others = sorted((old for named in by_name.values() for old in named), key=before.first_path)
    yield from zip(rest, others, strict=False)


def _name(table: FileTable, number: int) -> str:
    return table.first_path(number).rpartition("/")[2]


def _by_content(files: Iterable[int], rootfs: Rootfs, sizes: Collection[int]) -> dict[tuple[int, str], list[int]]:
    """The files with one of the `sizes`, by size and content digest."""
    by_content: dict[tuple[int, str], list[int]] = {}
    for number in files:
        size_bytes = rootfs.table.sizes[number]
        if size_bytes in sizes:
            digest = rootfs.file_digest(number)
            if digest is not None:
                by_content.setdefault((size_bytes, digest), []).append(number)
    return by_content


def metadata_copies(waste: Waste) -> dict[int, MetadataCopies]:
    """By layer (index, lowest is 0): the files that it copied from below to change only mode, owner or time."""
    found: dict[int, MetadataCopies] = {}
    for copies in (waste.own, waste.inherited):
        for copy in copies:
            if copy.how is Hiding.METADATA_ONLY:
                known = found.get(copy.hidden_by, MetadataCopies(files=0, size_bytes=0))
                found[copy.hidden_by] = MetadataCopies(
                    files=known.files + 1, size_bytes=known.size_bytes + copy.size_bytes
                )
    return found


class _Folder:
    __slots__ = ("children", "delta_bytes", "files", "gross_bytes")

    def __init__(self) -> None:
        self.children: dict[str, _Folder] = {}
        self.delta_bytes = 0
        self.gross_bytes = 0
        self.files = 0

    def add(self, other: _Folder) -> None:
        self.delta_bytes += other.delta_bytes
        self.gross_bytes += other.gross_bytes
        self.files += other.files


def roll_up(deltas: FileDeltas) -> tuple[FolderDelta, ...]:
    """The folders that explain most of a change of files, largest first: disjoint, and as deep as possible.

    Subfolders replace a folder if they hold most of its change together. Subfolders with less than a tenth are not
    listed. A moved file leaves one folder and enters another.
    """
    root = _Folder()
    for path, files in _by_folder(deltas).items():
        _add(root, path, files)
    found: list[FolderDelta] = []
    waiting = [("", root)]
    while waiting:
        path, folder = waiting.pop()
        parts = _explaining_subfolders(folder)
        if parts:
            waiting += [(f"{path}/{name}", child) for name, child in parts]
        elif folder.gross_bytes:
            found.append(FolderDelta(path=path or "/", delta_bytes=folder.delta_bytes, files=folder.files))
    found.sort(key=lambda folder: (-abs(folder.delta_bytes), folder.path))
    return tuple(found[:MAX_FOLDERS])


def _explaining_subfolders(folder: _Folder) -> list[tuple[str, _Folder]]:
    """The subfolders that explain the change better than `folder`; empty if `folder` is the best explanation."""
    weighty = [
        (name, child) for name, child in folder.children.items() if child.gross_bytes > _LEAST * folder.gross_bytes
    ]
    return weighty if sum(child.gross_bytes for _, child in weighty) >= _MOST * folder.gross_bytes else []


def _by_folder(deltas: FileDeltas) -> dict[str, _Folder]:
    """The changes of the files directly in each folder."""
    found: dict[str, _Folder] = {}

    def count(path: str, delta_bytes: int) -> None:
        folder = found.get(path)
        if folder is None:
            folder = found[path] = _Folder()
        folder.delta_bytes += delta_bytes
        folder.gross_bytes += abs(delta_bytes)
        folder.files += 1

    before = deltas.base.table
    for row, new in enumerate(deltas.head_files):
        old = deltas.moved.get(new)
        if old is None:
            count(deltas.folder(row), deltas.delta_bytes(row))
        else:
            count(before.first_folder(old), -before.sizes[old])
            count(deltas.folder(row), before.sizes[old])
    return found


def _add(root: _Folder, path: str, files: _Folder) -> None:
    """Add the changes of the files directly in `path` to each folder that holds them."""
    folder = root
    folder.add(files)
    for name in f"{path}/".split("/", _MAX_DEPTH)[1:-1]:
        child = folder.children.get(name)
        if child is None:
            child = folder.children[name] = _Folder()
        folder = child
        folder.add(files)


def _bytes(layers: Iterable[WeighedLayer]) -> int:
    return sum(layer.unpacked_bytes for layer in layers)
