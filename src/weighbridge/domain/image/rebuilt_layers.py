"""Layers that were built a second time to the same content.

Two builds of one instruction give layers of different diff IDs even where every file is the same, for the times of the
files differ. Where both are built in one run, the builder's cache makes them one layer. Where one of them is remembered
from an earlier run, this does: the remembered layer is taken for the new one, as the cache would have had it.
"""

from __future__ import annotations

from dataclasses import replace

from weighbridge.domain.image.image import Image
from weighbridge.domain.image.layer import Changeset, EntryKind
from weighbridge.domain.image.rootfs import ContentReader, Node


def with_rebuilt_layers(base: Image, head: Image) -> tuple[Image, dict[str, str]]:
    """`base` with those of its lowest layers replaced that `head` has rebuilt to the same content, in the same place.

    Same content: the same entries in the same order, with equal digests; only times and extended attributes may differ.
    What has no digest is not the same.
    Above the first layer that is another one nothing is replaced: the builder's cache ends there as well. Answers also
    the diff IDs that the replaced layers had, by those that they have now.
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


def _are_same(old: Changeset, new: Changeset) -> bool:
    if len(old.entries) != len(new.entries):
        return False
    # The digests last: a file may have to be read for one.
    pairs = list(zip(old.entries, new.entries, strict=True))
    if any(replace(one, content_digest=None) != replace(other, content_digest=None) for one, other in pairs):
        return False
    return all(
        (digest := old.digest(one)) is not None and digest == new.digest(other)
        for one, other in pairs
        if one.kind is EntryKind.FILE and one.size_bytes
    )


class FormerContents:
    """A `ContentReader` for an image whose layers go by other diff IDs than where their content is known."""

    def __init__(self, contents: ContentReader, former: dict[str, str]) -> None:
        """`former` are the diff IDs under which the content is known, by those of the image."""
        self._contents = contents
        self._former = former

    def read(self, node: Node, *, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset`; fewer only at the end of the file."""
        former = self._former.get(node.diff_id)
        known = node if former is None else replace(node, diff_id=former)
        return self._contents.read(known, offset=offset, length=length)
