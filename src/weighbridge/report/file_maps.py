"""Limits the file maps of a report in size: merges the small files of an image by folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from weighbridge.domain.image.packed_file_map import pack, unpack
from weighbridge.report.model import ImageReport

MAXIMUM_MAP_BYTES = 6_000_000
"""Maximum size of all packed maps of one report. As base64 they are a third larger."""
_LEAST_NODES = 50
_ATTEMPTS = 4


def with_maps_within(images: Sequence[ImageReport], maximum_bytes: int) -> tuple[ImageReport, ...]:
    """The images with maps of at most about `maximum_bytes` together.

    Each map gets an equal share; unused shares go to the larger maps. Invalid maps are dropped.
    """
    sizes = sorted(len(image.file_map or b"") for image in images)
    if sum(sizes) <= maximum_bytes:
        return tuple(images)
    share, free = 0, maximum_bytes
    for position, size in enumerate(sizes):
        share = free // (len(sizes) - position)
        if size > share:
            break
        free -= size
    return tuple(replace(image, file_map=_within(image.file_map, share)) for image in images)


def _within(packed: bytes | None, maximum_bytes: int) -> bytes | None:
    """A map of at most about `maximum_bytes`.

    Aims at three quarters, because the nodes of a smaller map take more bytes each.
    """
    if packed is None or len(packed) <= maximum_bytes:
        return packed
    whole = unpack(packed)
    if whole is None:
        return None
    nodes = 2 * len(whole.areas)
    for _ in range(_ATTEMPTS):
        nodes = max(_LEAST_NODES, nodes * maximum_bytes * 3 // (4 * len(packed)))
        whole = whole.within(nodes)
        packed = pack(whole)
        if len(packed) <= maximum_bytes or nodes == _LEAST_NODES:
            break
    return packed
