"""Pairs the layers of base and head.

Layers are aligned as sequences, never by position: an inserted, moved or edited instruction gives one row and does not
shift the others. Equal diff IDs are the same layer; the remaining layers are paired by their instruction.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_SAME_LAYER = 10_000
_SAME_INSTRUCTION = 1_000
_LEAST_LIKENESS = 0.34
"""Minimum share of common words for two instructions of one kind to count as one edited instruction."""

_MAXIMUM_CELLS = 1_000_000
"""Above this number of pairs (more than a thousand layers per side), only equal layers are paired."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WeighedLayer:
    """A layer as a row of a table: its instruction, its line, and its sizes.

    `blob_digest` and `compression` describe the blob behind `download_bytes`, ``None`` without a blob.
    `download_estimated`: `download_bytes` is an estimate.
    """

    diff_id: str
    instruction: str | None
    line: int | None
    unpacked_bytes: int
    download_bytes: int | None
    from_base_image: bool
    blob_digest: str | None = None
    compression: str | None = None
    download_estimated: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class LayerPair:
    """One row: a layer on one or both sides. At least one side is set."""

    base: WeighedLayer | None
    head: WeighedLayer | None

    @property
    def delta_bytes(self) -> int:
        """Head minus base; a missing side counts as 0 bytes."""
        return (self.head.unpacked_bytes if self.head else 0) - (self.base.unpacked_bytes if self.base else 0)


def align_layers(base: Sequence[WeighedLayer], head: Sequence[WeighedLayer]) -> tuple[LayerPair, ...]:
    """Pair the layers of base with those of head, each at most once.

    Rows follow head's order, removed ones in between.
    """
    pairs = _add_moved(_align_in_order(base, head), base, head)
    paired_head = dict(pairs)
    paired_base = {j: i for i, j in pairs}
    rows: list[LayerPair] = []
    next_base = 0
    for j, layer in enumerate(head):
        i = paired_base.get(j)
        if i is not None:
            while next_base <= i:
                if next_base not in paired_head:
                    rows.append(LayerPair(base=base[next_base], head=None))
                next_base += 1
        rows.append(LayerPair(base=None if i is None else base[i], head=layer))
    rows += [LayerPair(base=base[i], head=None) for i in range(next_base, len(base)) if i not in paired_head]
    return tuple(rows)


def _align_in_order(base: Sequence[WeighedLayer], head: Sequence[WeighedLayer]) -> list[tuple[int, int]]:
    """The pairs of the best alignment that keeps the order of both sides (Needleman-Wunsch, gaps cost nothing)."""
    first = 0
    while first < min(len(base), len(head)) and base[first].diff_id == head[first].diff_id:
        first += 1
    base_end, head_end = len(base), len(head)
    while base_end > first and head_end > first and base[base_end - 1].diff_id == head[head_end - 1].diff_id:
        base_end -= 1
        head_end -= 1
    pairs = [(i, i) for i in range(first)]
    pairs += [(base_end + k, head_end + k) for k in range(len(base) - base_end)]
    height, width = base_end - first, head_end - first
    if not height or not width or height * width > _MAXIMUM_CELLS:
        return pairs

    base_words = [_words(layer) for layer in base[first:base_end]]
    head_words = [_words(layer) for layer in head[first:head_end]]
    likeness = [
        [_likeness(base[first + i], base_words[i], head[first + j], head_words[j]) for j in range(width)]
        for i in range(height)
    ]
    best = [[0] * (width + 1) for _ in range(height + 1)]
    for i in range(height - 1, -1, -1):
        for j in range(width - 1, -1, -1):
            score = max(best[i + 1][j], best[i][j + 1])
            if likeness[i][j]:
                score = max(score, best[i + 1][j + 1] + likeness[i][j])
            best[i][j] = score
    i = j = 0
    while i < height and j < width:
        if likeness[i][j] and best[i][j] == best[i + 1][j + 1] + likeness[i][j]:
            pairs.append((first + i, first + j))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            i += 1
        else:
            j += 1
    return pairs


def _add_moved(
    pairs: list[tuple[int, int]], base: Sequence[WeighedLayer], head: Sequence[WeighedLayer]
) -> list[tuple[int, int]]:
    """`pairs`, plus unpaired layers that moved past others and are equal by diff ID or by instruction."""
    paired_base = {i for i, _ in pairs}
    paired_head = {j for _, j in pairs}
    moved = list(pairs)
    for key in (_identity, _instruction):
        places: dict[object, list[int]] = {}
        for i, layer in enumerate(base):
            if i not in paired_base and key(layer) is not None:
                places.setdefault(key(layer), []).append(i)
        for j, layer in enumerate(head):
            if j not in paired_head and places.get(key(layer)):
                i = places[key(layer)].pop(0)
                moved.append((i, j))
                paired_base.add(i)
                paired_head.add(j)
    return moved


def _identity(layer: WeighedLayer) -> object:
    return layer.diff_id


def _instruction(layer: WeighedLayer) -> object:
    return None if layer.instruction is None else (layer.from_base_image, layer.instruction)


def _words(layer: WeighedLayer) -> frozenset[str]:
    return frozenset(re.split(r"[\s:=/,;&|]+", (layer.instruction or "")[:4096]))


def _likeness(base: WeighedLayer, base_words: frozenset[str], head: WeighedLayer, head_words: frozenset[str]) -> int:
    """The similarity of two layers; 0 for layers that must not be paired."""
    if base.diff_id == head.diff_id:
        return _SAME_LAYER
    if base.from_base_image != head.from_base_image:
        return 0
    if base.instruction == head.instruction:
        return _SAME_INSTRUCTION
    if base.instruction is None or head.instruction is None:
        return 0
    if base.instruction.split(maxsplit=1)[:1] != head.instruction.split(maxsplit=1)[:1]:
        return 0
    share = len(base_words & head_words) / len(base_words | head_words)
    return int(share * 100) if share >= _LEAST_LIKENESS else 0
