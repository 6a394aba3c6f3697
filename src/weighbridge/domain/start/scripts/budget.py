"""The limits of one start prediction over all its scripts."""

from __future__ import annotations

from dataclasses import dataclass, field

from weighbridge.domain.start.attempt import Trace


class TooMuchError(Exception):
    """The script exceeds the limits."""


@dataclass(slots=True, kw_only=True)
class WorkBudget:
    """The limits of one prediction, over all its scripts."""

    commands: int = 2000
    programs: int = 60
    depth: int = 0
    known: dict[tuple[object, ...], Trace] = field(default_factory=dict)

    MAX_DEPTH = 48

    def spend(self) -> None:
        """Count one command."""
        self.commands -= 1
        if self.commands < 0:
            raise TooMuchError

    def enter(self) -> None:
        """Go one level down."""
        self.depth += 1
        if self.depth > self.MAX_DEPTH:
            raise TooMuchError

    def leave(self) -> None:
        """Return from one level."""
        self.depth -= 1
