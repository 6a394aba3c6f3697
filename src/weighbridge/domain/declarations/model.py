"""The packages that a repository declares: one value for each line that names a package."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from weighbridge.domain.packages.model import Ecosystem

MAX_TEXT_CHARACTERS = 200
_QUOTED = re.compile(r"""(["'])([^"'\n]{1,500})\1""")


@dataclass(frozen=True, kw_only=True, slots=True)
class Declaration:
    """One package that a file of the repository names.

    `name` is normalised like the packages of its ecosystem. `text` is the requirement as written; equal text on both
    sides means that the line did not change. `is_pinned_only` marks a line that only fixes a version and installs
    nothing (a lock file, a constraint). `extras` are those of a Python requirement.
    """

    ecosystem: Ecosystem
    name: str
    text: str
    path: str
    line: int | None
    is_pinned_only: bool = False
    extras: frozenset[str] = frozenset()

    @property
    def place(self) -> str:
        """``path:line``, the form used in messages."""
        return self.path if self.line is None else f"{self.path}:{self.line}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Declarations:
    """All declarations of one side. `notes` name files that were not read completely."""

    found: tuple[Declaration, ...] = ()
    notes: tuple[str, ...] = ()


class LineNumbers:
    """Line numbers of positions in a text."""

    def __init__(self, text: str) -> None:
        self._ends: list[int] = []
        position = text.find("\n")
        while position >= 0:
            self._ends.append(position)
            position = text.find("\n", position + 1)

    def at(self, position: int) -> int:
        """The line, counted from 1, of a position in the text."""
        return bisect_left(self._ends, position) + 1


class Finder:
    """Positions of quoted names in a text, found in one pass. Does not find names written with escapes."""

    def __init__(self, text: str, start: int = 0) -> None:
        self._places: dict[str, int] = {}
        for match in _QUOTED.finditer(text, start):
            self._places.setdefault(match[2], match.start())

    def place(self, name: str) -> int | None:
        """The position of the first `name` in quotes; ``None`` if there is none."""
        return self._places.get(name)


Reader = Callable[[str, str], Iterator[Declaration]]
"""Reads one file, given its path and its text. For invalid content, raises only ValueError and RecursionError."""
