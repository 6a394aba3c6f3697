"""Finds size changes from other storage of the same content: hard links that became copies, uncompressed blobs.

kaniko and tools that unpack and repack lose hard links; nix, bazel, ko and some modes of ``docker save`` store layers
uncompressed.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from weighbridge.domain.image.align import WeighedLayer
from weighbridge.domain.image.layer import EntryKind
from weighbridge.domain.image.rootfs import Node, Rootfs

_UNCOMPRESSED = "none"


class StorageCause(enum.StrEnum):
    """The kind of change in storage."""

    LINKS_LOST = "hard-links-lost"
    LINKS_GAINED = "hard-links-gained"
    COMPRESSION_LOST = "compression-lost"
    COMPRESSION_CHANGED = "compression-changed"


@dataclass(frozen=True, kw_only=True, slots=True)
class StorageChange:
    """One change in storage. `delta_bytes` is head minus base: unpacked bytes for links, download bytes otherwise.

    `count` is the number of files or layers; `example` is one of them: a path, or two names of compressions.
    """

    cause: StorageCause
    delta_bytes: int
    count: int
    example: str


def link_changes(base: Rootfs, head: Rootfs) -> tuple[StorageChange, ...]:
    """Files that were one file with several names on one side, and are separate equal files on the other."""
    found = []
    lost = split_links(base, head)
    if lost:
        found.append(_of_copies(StorageCause.LINKS_LOST, lost, sign=1))
    gained = split_links(head, base)
    if gained:
        found.append(_of_copies(StorageCause.LINKS_GAINED, gained, sign=-1))
    return tuple(found)


def split_links(linked: Rootfs, split: Rootfs) -> list[Node]:
    """The copies in `split` of files that `linked` stores once under several names.

    The first name of each file is not a copy: its bytes are stored on both sides.
    """
    copies: list[Node] = []
    for number, more_names in linked.table.linked():
        node = linked.node(number)
        names = (node.path, *more_names)
        if not node.size_bytes:
            continue
        others = [other for name in names if isinstance(other := split.lookup(name, follow=False), Node)]
        same = [one for one in others if one.kind is EntryKind.FILE and one.size_bytes == node.size_bytes]
        by_file = {(one.diff_id, one.stored_path): one for one in same}
        if len(by_file) > 1:
            digest = linked.digest(node)
            copies += [one for one in by_file.values() if digest is not None and split.digest(one) == digest][1:]
    return copies


def _of_copies(cause: StorageCause, copies: Sequence[Node], *, sign: int) -> StorageChange:
    return StorageChange(
        cause=cause,
        delta_bytes=sign * sum(node.size_bytes for node in copies),
        count=len(copies),
        example=copies[0].path,
    )


def compression_change(base: Sequence[WeighedLayer], head: Sequence[WeighedLayer]) -> StorageChange | None:
    """Layers whose blobs have another compression than in base; ``None`` if a side has no blobs.

    Compares with the same layer of base, or with base as a whole if base does not have the layer.
    """
    of_layer = {layer.diff_id: layer for layer in base}
    kinds = {layer.compression for layer in base}
    if None in kinds or not kinds:
        return None
    usual = next(iter(kinds)) if len(kinds) == 1 else None
    changed: list[tuple[WeighedLayer, str, int]] = []
    for layer in head:
        same = of_layer.get(layer.diff_id)
        before = same.compression if same is not None else usual
        if layer.compression is None or before is None or layer.compression == before:
            continue
        changed.append((layer, before, _download_delta(same, layer)))
    if not changed:
        return None
    is_lost = any(layer.compression == _UNCOMPRESSED for layer, _, _ in changed)
    layer, before, _ = changed[0]
    return StorageChange(
        cause=StorageCause.COMPRESSION_LOST if is_lost else StorageCause.COMPRESSION_CHANGED,
        delta_bytes=sum(delta for _, _, delta in changed),
        count=len(changed),
        example=f"{before} → {layer.compression}",
    )


def _download_delta(before: WeighedLayer | None, after: WeighedLayer) -> int:
    """The difference in size of one layer's two blobs; 0 unless both are known."""
    if before is None or before.download_bytes is None or after.download_bytes is None:
        return 0
    return after.download_bytes - before.download_bytes
