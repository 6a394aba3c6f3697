"""A tip: a suggested change with its saving, and the basis of the saving."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the report of a known image needs no parser of Dockerfiles
    from weighbridge.domain.dockerfile import Dockerfile
    from weighbridge.domain.dockerfile.edits import Edit


class Basis(enum.StrEnum):
    """The basis of a tip's saving."""

    REBUILT = "rebuilt"
    """The patched Dockerfile was built, and both images were weighed."""
    COMPUTED = "computed"
    """Exact, from the layers."""
    UPPER_BOUND = "upper-bound"
    """An upper bound from the layers."""
    UNKNOWN = "unknown"


class Language(enum.StrEnum):
    """The recognised language of a program."""

    GO = "Go"
    RUST = "Rust"
    C = "C or C++"


@dataclass(frozen=True, kw_only=True, slots=True)
class DockerfileSource:
    """The Dockerfile of an image: its `text`, the parsed text, and the requested stage."""

    text: str
    dockerfile: Dockerfile
    target: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class TipChange:
    """The change that a tip makes in the repository.

    `edits` change the Dockerfile. `ignore_lines` are appended to the ignore file, or to a new one.
    """

    edits: tuple[Edit, ...] = ()
    ignore_lines: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Tip:
    """One tip: a stable code, its saving in unpacked bytes, its Dockerfile line, and the fix.

    `saved_bytes` is ``None`` exactly if the basis is `Basis.UNKNOWN`: only a build can measure it. `change` is the
    mechanical fix; ``None`` if there is none.
    """

    code: str
    saved_bytes: int | None
    basis: Basis
    line: int | None
    explanation: str
    change: TipChange | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A row of the ladder before its build: another base for the final stage, with the change.

    `name` is the base (``scratch``, ``busybox:glibc``, ``static on scratch``). `lost` names missing parts of the image
    on that base: a shell, debug tools, CA certificates.
    """

    name: str
    change: TipChange
    lost: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class SharedTip:
    """A tip on several images. `saved_bytes` is the saving on a node with all of `images`."""

    code: str
    saved_bytes: int
    basis: Basis
    images: tuple[str, ...]
    explanation: str
