"""Reports the progress of reading images, in bytes, by image name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from weighbridge.sources.tar import Piece


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadStatus:
    """The progress of one read. `total_bytes` is ``None`` if it is unknown."""

    what: str
    done_bytes: int
    total_bytes: int | None = None


class ReadingProgress:
    """Reports progress to `report`, if given."""

    def __init__(self, report: Callable[[ReadStatus], None] | None) -> None:
        self._report = report

    def tell(self, what: str, done_bytes: int, total_bytes: int | None = None) -> None:
        """Report that `done_bytes` of `what` are read."""
        if self._report is not None:
            self._report(ReadStatus(what=what, done_bytes=done_bytes, total_bytes=total_bytes))

    def following(
        self, chunks: Iterable[Piece], what: str, *, done_bytes: int = 0, total_bytes: int | None = None
    ) -> Iterator[Piece]:
        """Yield `chunks`, and report each. `done_bytes` of `what` were read before them."""
        for chunk in chunks:
            done_bytes += len(chunk)
            self.tell(what, done_bytes, total_bytes)
            yield chunk


def layer_title(image: str, number: int, count: int) -> str:
    """The name of a layer in progress output. A digest would not help the user."""
    return f"{image}, layer {number} of {count}"
