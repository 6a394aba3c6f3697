"""A way to make an image smaller, and how its bytes were come by."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from weighbridge.domain.dockerfile import Dockerfile
from weighbridge.domain.dockerfile.edits import Edit


class Basis(enum.StrEnum):
    """How a tip's bytes were come by."""

    REBUILT = "rebuilt"
    """The patched Dockerfile was built, and both images were weighed."""
    COMPUTED = "computed"
    """Exact, from the layers."""
    UPPER_BOUND = "upper-bound"
    """From the layers, but not all of it may go."""
    UNKNOWN = "unknown"


class Language(enum.StrEnum):
    """What a program was written in, as far as it shows."""

    GO = "Go"
    RUST = "Rust"
    C = "C or C++"


@dataclass(frozen=True, kw_only=True, slots=True)
class DockerfileSource:
    """The Dockerfile that an image was built from: its `text`, the same parsed, and the stage that was asked for."""

    text: str
    dockerfile: Dockerfile
    target: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """What following a tip does to the repository.

    `edits` are of the Dockerfile's text; `ignore_lines` go at the end of the ignore file that is in force, or into a
    new one.
    """

    edits: tuple[Edit, ...] = ()
    ignore_lines: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Tip:
    """One proposal: a stable code, what it saves in unpacked bytes, the Dockerfile line it is about, and what to do.

    `saved_bytes` is ``None`` exactly where the basis is `Basis.UNKNOWN`: nothing is known before it has been built.
    `change` does it mechanically; ``None`` where only a person can.
    """

    code: str
    saved_bytes: int | None
    basis: Basis
    line: int | None
    explanation: str
    change: Change | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A row of the ladder before it is built: another base for the final stage, and what it would take.

    `name` says what the base is (``scratch``, ``busybox:glibc``, ``static on scratch``); `lost` are the things that the
    image no longer has then, in words: a shell, debug tools, CA certificates.
    """

    name: str
    change: Change
    lost: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class SharedTip:
    """A proposal about several images together; `saved_bytes` are on a node that has all of `images`."""

    code: str
    saved_bytes: int
    basis: Basis
    images: tuple[str, ...]
    explanation: str
