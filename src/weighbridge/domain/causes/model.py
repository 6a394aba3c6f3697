"""Causes of an image's growth or shrinkage: values whose bytes add up to the difference of two images."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from weighbridge.domain.packages.model import Ecosystem


class CauseKind(enum.StrEnum):
    """The kind of a cause, with the names of the report."""

    DEPENDENCY = "dependency"
    """A language package that the repository declares, with its dependencies."""
    SYSTEM_PACKAGE = "system-package"
    """A package of the distribution that a command installs, with its dependencies."""
    FILE = "file"
    """Files of the repository that ``COPY`` or ``ADD`` adds to the image."""
    BASE_IMAGE = "base-image"
    """``FROM`` names another image than before."""
    DRIFT = "drift"
    """A base image or a package changed without a change in the repository."""
    INSTRUCTION = "instruction"
    """Other output of an instruction: downloads, caches, generated files."""
    PROGRAM = "program"
    """A compiler's output."""
    DUPLICATION = "duplication"
    """A second copy of the same content: for another mode or owner, or instead of a hard link."""
    WASTE = "waste"
    """Files that a later layer hides and that the image still contains."""
    NOT_ATTRIBUTED = "not-attributed"
    """The rest, which no rule explains."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A place in the repository: a path, and a line counted from 1 if known."""

    path: str | None = None
    line: int | None = None

    def __str__(self) -> str:
        return f"{self.path}:{self.line}" if self.line is not None else self.path or ""


NOWHERE = Place()


@dataclass(frozen=True, kw_only=True, slots=True)
class CauseShare:
    """A share of a cause: a dependency, or a package of a base image.

    `via` are the packages between the cause and this one, starting at the cause. `bytes` is head minus base.
    """

    what: str
    bytes: int
    via: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Explanation:
    """All causes of a difference. `notes` say what could not be read, so that a cause may be missing."""

    causes: tuple[SizeCause, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class SizeCause:
    """One cause of a difference in unpacked bytes (`bytes`, head minus base).

    `what` names the thing (a package, a file, a base image), `because` describes its change in a few words. `place` is
    the line of the change: in head, or in base for a removed thing. `via` is the chain from there to the bytes. `parts`
    are its largest shares; `bytes` includes their bytes. `ecosystem` is that of a package.
    """

    bytes: int
    kind: CauseKind
    what: str
    because: str
    place: Place = NOWHERE
    via: tuple[str, ...] = ()
    parts: tuple[CauseShare, ...] = ()
    parts_omitted: int = 0
    ecosystem: Ecosystem | None = None
