"""Why one side of an image has no size."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from weighbridge.domain.side import Side


class FailureKind(enum.StrEnum):
    """The kind of failure, with the names of the report."""

    BUILD = "build"
    UNREADABLE = "unreadable"
    UNAVAILABLE = "unavailable"
    DOCKERFILE = "dockerfile"
    CONTEXT = "context"
    DEFECT = "defect"


@dataclass(frozen=True, kw_only=True, slots=True)
class SideFailure:
    """Why a side of an image could not be weighed. `log_tail` is the end of the build's output: hostile text."""

    side: Side
    kind: FailureKind
    message: str
    log_tail: tuple[str, ...] = ()
