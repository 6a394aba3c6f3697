"""Explains a change in size: moved files, folders, metadata copies, and the cause."""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from weighbridge.domain.image.align import WeighedLayer
from weighbridge.domain.image.files import FileDelta
from weighbridge.domain.image.rootfs import Node, Rootfs
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


def pair_moved(deltas: Sequence[FileDelta], base: Rootfs, head: Rootfs) -> tuple[FileDelta, ...]:
    """`deltas`, with each moved file as one entry: `path` is its new place, `base` the file at its old place.

    A file moved if another path lost a file with its size and content. Files with the same name are paired first. Empty
    files, and files with unknown content, are not paired.
    """
    gone_only = [(delta, delta.base) for delta in deltas if delta.base is not None and _is_one_sided(delta)]
    came_only = [(delta, delta.head) for delta in deltas if delta.head is not None and _is_one_sided(delta)]
    # Content is requested only for sizes that occur on both sides, because it may require reading the file.
    sizes = {node.size_bytes for _, node in gone_only} & {node.size_bytes for _, node in came_only} - {0}
    if not sizes:
        return tuple(deltas)
    gone = _by_content(gone_only, base, sizes)
    came = {key: found for key, found in _by_content(came_only, head, sizes).items() if key in gone}
    moved: dict[str, FileDelta] = {}
    left: set[str] = set()
    for key, arrivals in came.items():
        for old, new in _pairs(gone[key], arrivals):
            left.add(old.path)
            moved[new.path] = FileDelta(path=new.path, base=old.base, head=new.head)
    paired = [
        moved.get(delta.path, delta) if delta.base is None else delta
        for delta in deltas
        if not (delta.head is None and delta.path in left)
    ]
    return tuple(sorted(paired, key=lambda delta: (-abs(delta.delta_bytes), delta.path)))


def _is_one_sided(delta: FileDelta) -> bool:
    return delta.link is None and (delta.base is None or delta.head is None)


def _pairs(gone: Sequence[FileDelta], came: Sequence[FileDelta]) -> Iterable[tuple[FileDelta, FileDelta]]:
    """Pair each removed file with at most one added file: equal names first, then in the order of their paths."""
    by_name: dict[str, list[FileDelta]] = {}
    for delta in sorted(gone, key=lambda delta: delta.path, reverse=True):
        by_name.setdefault(_name(delta), []).append(delta)
    rest: list[FileDelta] = []
    for delta in sorted(came, key=lambda delta: delta.path):
        same_name = by_name.get(_name(delta))
        if same_name:
            yield same_name.pop(), delta
        else:
            rest.append(delta)
    others = sorted((delta for named in by_name.values() for delta in named), key=lambda delta: delta.path)
    yield from zip(others, rest, strict=False)


def _name(delta: FileDelta) -> str:
    return delta.path.rpartition("/")[2]


def _by_content(
    found: Iterable[tuple[FileDelta, Node]], rootfs: Rootfs, sizes: Collection[int]
) -> dict[tuple[int, str], list[FileDelta]]:
    """The files with one of the `sizes`, by size and content digest."""
    by_content: dict[tuple[int, str], list[FileDelta]] = {}
    for delta, node in found:
        if node.size_bytes in sizes:
            digest = rootfs.digest(node)
            if digest is not None:
                by_content.setdefault((node.size_bytes, digest), []).append(delta)
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

    def add(self, delta_bytes: int) -> None:
        self.delta_bytes += delta_bytes
        self.gross_bytes += abs(delta_bytes)
        self.files += 1


def roll_up(deltas: Iterable[FileDelta]) -> tuple[FolderDelta, ...]:
    """The folders that explain most of a change of files, largest first: disjoint, and as deep as possible.

    Subfolders replace a folder if they hold most of its change together. Subfolders with less than a tenth are not
    listed. A moved file leaves one folder and enters another.
    """
    root = _Folder()
    for delta in deltas:
        if delta.base is not None and delta.head is not None and delta.base.path != delta.head.path:
            _add(root, delta.base.path, -delta.base.size_bytes)
            _add(root, delta.head.path, delta.head.size_bytes)
        else:
            _add(root, delta.path, delta.delta_bytes)
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


def _add(root: _Folder, path: str, delta_bytes: int) -> None:
    folder = root
    folder.add(delta_bytes)
    for name in path.split("/", _MAX_DEPTH)[1:-1]:
        child = folder.children.get(name)
        if child is None:
            child = folder.children[name] = _Folder()
        folder = child
        folder.add(delta_bytes)


def _bytes(layers: Iterable[WeighedLayer]) -> int:
    return sum(layer.unpacked_bytes for layer in layers)
