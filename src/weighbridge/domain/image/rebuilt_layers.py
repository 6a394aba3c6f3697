"""Matches layers that were built a second time to the same content.

Two builds of one instruction give different diff IDs even if every file is the same, because the times of the files
differ. Within one run, the builder's cache makes them one layer. If an earlier run measured one of them, this module
replaces the cached layer by the new one, as the builder's cache would.
"""

from __future__ import annotations

from dataclasses import replace

from weighbridge.domain.image.entries import FILE
from weighbridge.domain.image.image import Image
from weighbridge.domain.image.layer import Changeset
from weighbridge.domain.image.rootfs import ContentReader, Node


def with_rebuilt_layers(base: Image, head: Image) -> tuple[Image, dict[str, str]]:
    """Replace the lowest layers of `base` by layers of `head` with the same content at the same position.

    Same content means the same entries in the same order, with equal digests; only times and extended attributes may
    differ. A file without a digest is never the same. Stops at the first layer that differs, as the builder's cache
    does. Also returns the original diff IDs of the replaced layers, by their new ones.
    """
    layers = list(base.layers)
    former: dict[str, str] = {}
    for index, (old, new) in enumerate(zip(base.layers, head.layers, strict=False)):
        if old.diff_id == new.diff_id:
            continue
        if old.created_by != new.created_by or not _are_same(old.changeset, new.changeset):
            break
        layers[index] = new
        former[new.diff_id] = old.diff_id
    return (replace(base, layers=tuple(layers)) if former else base), former


_COMPARED = ("names", "kinds", "sizes", "links", "capabilities")


def _are_same(old: Changeset, new: Changeset) -> bool:
    mine, other = old.columns, new.columns
    if any(getattr(mine, column) != getattr(other, column) for column in _COMPARED):
        return False
    if any(one != same for one, same in zip(mine.paths(), other.paths(), strict=True)):
        return False
    if any(mine.owners[mine.owner_of[row]] != other.owners[other.owner_of[row]] for row in range(len(mine))):
        return False
    # Digests last: they may require reading a file.
    return all(
        (digest := old.digest(mine[row])) is not None and digest == new.digest(other[row])
        for row in range(len(mine))
        if mine.kinds[row] == FILE and mine.sizes[row]
    )


class FormerContents:
    """A `ContentReader` for an image whose contents are stored under other diff IDs."""

    def __init__(self, contents: ContentReader, former: dict[str, str]) -> None:
        """`former` maps the image's diff IDs to those of the stored content."""
        self._contents = contents
        self._former = former

    def read(self, node: Node, *, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset`; fewer only at the end of the file."""
        former = self._former.get(node.diff_id)
        known = node if former is None else replace(node, diff_id=former)
        return self._contents.read(known, offset=offset, length=length)
