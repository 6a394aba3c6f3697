"""What made an image grow or shrink: values whose bytes add up to the difference of two images."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from weighbridge.domain.packages.model import Ecosystem


class CauseKind(enum.StrEnum):
    """What sort of change a cause is; the names are those of the report."""

    DEPENDENCY = "dependency"
    """A package of a language that the repository declares, with what it brings."""
    SYSTEM_PACKAGE = "system-package"
    """A package of the distribution that a command installs, with what it brings."""
    FILE = "file"
    """Files of the repository that ``COPY`` or ``ADD`` put into the image."""
    BASE_IMAGE = "base-image"
    """``FROM`` names another image."""
    DRIFT = "drift"
    """A base image or a package changed although the repository did not ask for it."""
    INSTRUCTION = "instruction"
    """What an instruction wrote itself: downloads, caches, generated files."""
    PROGRAM = "program"
    """A compiler's output."""
    DUPLICATION = "duplication"
    """A second copy of the same content: for a mode or an owner, or in place of a hard link."""
    WASTE = "waste"
    """Files that a later layer hides and that still travel with the image."""
    NOT_ATTRIBUTED = "not-attributed"
    """The rest, for which no rule here holds."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A place in the repository: a path, and a line counted from 1 where one is known."""

    path: str | None = None
    line: int | None = None

    def __str__(self) -> str:
        return f"{self.path}:{self.line}" if self.line is not None else self.path or ""


NOWHERE = Place()


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A share of a cause: a package that another one brings, or a package of a base image.

    `via` are the packages between the cause and this one, the nearest to the cause first. `bytes` is head minus base.
    """

    what: str
    bytes: int
    via: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class SizeCause:
    """One reason for a difference in unpacked bytes (`bytes`, head minus base).

    `what` names the thing (a package, a file, a base image), `because` says in a few words what happened to it. `place`
    is where the change was made: in head, or in base for something that is gone. `via` is the way from there to the
    bytes. `parts` are the largest shares of it; their bytes are included in `bytes`. `ecosystem` is that of a package.
    """

    bytes: int
    kind: CauseKind
    what: str
    because: str
    place: Place = NOWHERE
    via: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()
    parts_omitted: int = 0
    ecosystem: Ecosystem | None = None
