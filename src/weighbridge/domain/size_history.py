"""The sizes of images on the default branch, commit by commit.

A record is one run of a commit against its base. It names every image that the range between the two affects; other
images have the same size as at base. So the size at a commit is found by going back from base to base to the first
record of the image. It is unknown if a record on the way is missing; a gap is never filled.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """The size of one image. `build_seconds` is the build time of all its sides together, if it was built."""

    unpacked_bytes: int
    download_bytes: int | None = None
    build_seconds: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """One run. `images` has every image that the range affects; ``None`` for one that could not be weighed.

    `committed_at` is the commit's own time, in seconds of Unix time. `base` is ``None`` if there was none.
    """

    commit: str
    base: str | None
    committed_at: int
    images: Mapping[str, Figure | None] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """One image at one commit."""

    commit: str
    committed_at: int
    figure: Figure


class Trend:
    """The records of a size history, merged by commit; later records override earlier ones."""

    def __init__(self, records: Iterable[Record]) -> None:
        self._records: dict[str, Record] = {}
        for record in records:
            known = self._records.get(record.commit)
            if known is None:
                self._records[record.commit] = record
                continue
            images = dict(known.images)
            for name, figure in record.images.items():
                if figure is not None or name not in images:
                    images[name] = figure
            self._records[record.commit] = Record(
                commit=record.commit, base=record.base or known.base, committed_at=record.committed_at, images=images
            )

    @property
    def names(self) -> tuple[str, ...]:
        """All images that were ever weighed, by name."""
        names = {name for record in self._records.values() for name, one in record.images.items() if one is not None}
        return tuple(sorted(names))

    def points(self, image: str) -> tuple[Point, ...]:
        """Every commit at which `image` was weighed, the oldest first."""
        found = [
            Point(commit=record.commit, committed_at=record.committed_at, figure=figure)
            for record in self._records.values()
            if (figure := record.images.get(image)) is not None
        ]
        # Commits of the same second stay in the order of their records.
        return tuple(sorted(found, key=lambda point: point.committed_at))

    def has(self, commit: str) -> bool:
        """True if a run of `commit` is recorded."""
        return commit in self._records

    def at(self, image: str, commit: str) -> Figure | None:
        """The size of `image` at `commit`; ``None`` if unknown."""
        seen: set[str] = set()
        place: str | None = commit
        while place is not None and place not in seen:
            seen.add(place)
            record = self._records.get(place)
            if record is None:
                return None
            if image in record.images:
                return record.images[image]
            place = record.base
        return None

    def commit_before(self, time_seconds: int) -> str | None:
        """The last recorded commit from before a time; ``None`` if there is none."""
        earlier = [record for record in self._records.values() if record.committed_at < time_seconds]
        return max(earlier, key=lambda record: record.committed_at).commit if earlier else None

    def build_seconds(self, image: str) -> float | None:
        """The last known build time of `image` in seconds."""
        return next(
            (
                point.figure.build_seconds
                for point in reversed(self.points(image))
                if point.figure.build_seconds is not None
            ),
            None,
        )
