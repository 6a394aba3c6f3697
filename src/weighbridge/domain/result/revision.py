"""The two revisions of a run, and its share of the images."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Revision:
    """A side of the comparison: the requested revision and its commit; for images, `sha` is null."""

    ref: str
    sha: str | None = None

    @property
    def words(self) -> str:
        """``main is 1b25a31…``; the name alone if that is the commit, or if there is none."""
        return self.ref if self.sha in (None, self.ref) else f"{self.ref} is {self.sha}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """The share of a run in this report: `number` of `count`, from 1. `images` are the names of every share."""

    number: int
    count: int
    images: tuple[tuple[str, ...], ...]
