"""Causes of a difference in the report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

CauseName = Literal["own-change", "base-image-moved", "drift", "noise"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Attribution:
    """How the change splits between the base image in ``FROM`` and the Dockerfile's own instructions.

    `cause` is the main reason: an edit of this repository, a base image that moved, other content from the same
    instructions and context (``drift``), or the difference between two builds of one commit (``noise``). `also` are
    further causes, in descending order.
    """

    base_image_bytes: int
    own_bytes: int
    cause: CauseName | None = None
    also: tuple[CauseName, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class CausePart:
    """A share of a cause, such as a dependency of a package. `via` are the packages between the two."""

    what: str
    bytes: int
    via: tuple[str, ...] = ()


CauseKindName = Literal[
    "dependency",
    "system-package",
    "file",
    "base-image",
    "drift",
    "instruction",
    "program",
    "duplication",
    "waste",
    "not-attributed",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class CauseRow:
    """One cause of growth or shrinkage by `bytes`; the bytes of all causes add up to the unpacked difference.

    `what` names the package, file or base image; `because` describes its change. `path` and `line` are the place of the
    change in the repository (in base for a removed thing); `via` is the chain from there to the bytes. `brings` are its
    largest shares, `brings_omitted` the number of others.
    """

    bytes: int
    kind: CauseKindName
    what: str
    because: str
    path: str | None = None
    line: int | None = None
    via: tuple[str, ...] = ()
    brings: tuple[CausePart, ...] = ()
    brings_omitted: int = 0
