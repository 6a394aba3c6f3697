"""A way to make an image smaller, and how its bytes were come by."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Basis(enum.StrEnum):
    """How a tip's bytes were come by."""

    REBUILT = "rebuilt"
    """The patched Dockerfile was built, and both images were weighed."""
    COMPUTED = "computed"
    """Exact, from the layers."""
    UPPER_BOUND = "upper-bound"
    """From the layers, but not all of it may go."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True, slots=True)
class Tip:
    """One proposal: a stable code, what it saves in unpacked bytes, the Dockerfile line it is about, and what to do."""

    code: str
    saved_bytes: int
    basis: Basis
    line: int | None
    explanation: str
