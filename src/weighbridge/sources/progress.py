"""How far the reading of images is: told in bytes, under the name that people have for an image."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from weighbridge.sources.tar import Piece


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """What is being read: `total_bytes` is ``None`` where it is not known."""

    what: str
    done_bytes: int
    total_bytes: int | None = None


class ReadingProgress:
    """Tells `told`, if there is somebody to be told."""

    def __init__(self, told: Callable[[Progress], None] | None) -> None:
        self._told = told

    def tell(self, what: str, done_bytes: int, total_bytes: int | None = None) -> None:
        """So much of `what` was read."""
        if self._told is not None:
            self._told(Progress(what=what, done_bytes=done_bytes, total_bytes=total_bytes))

    def following(
        self, chunks: Iterable[Piece], what: str, *, done_bytes: int = 0, total_bytes: int | None = None
    ) -> Iterator[Piece]:
        """`chunks`, each told of when it goes by; `done_bytes` of `what` were read before them."""
        for chunk in chunks:
            done_bytes += len(chunk)
            self.tell(what, done_bytes, total_bytes)
            yield chunk


def layer_title(image: str, number: int, count: int) -> str:
    """How progress calls a layer: no digest tells anyone which one it is."""
    return f"{image}, layer {number} of {count}"
