"""The two revisions of a run, and which share of its images it weighs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Revision:
    """A side of the comparison: the revision as asked for and the commit it stood for; for images, `sha` is null."""

    ref: str
    sha: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """Which share of a run this report is: `number` of `count`, from 1. `images` are the names of every share."""

    number: int
    count: int
    images: tuple[tuple[str, ...], ...]
