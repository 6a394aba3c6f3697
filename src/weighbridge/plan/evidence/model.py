"""One statement of a file about the build of a Dockerfile, and the ranks of such statements."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field


class EvidenceKind(enum.IntEnum):
    """Where a statement stands. A lower number overrides a higher one."""

    BAKE = 1
    COMPOSE = 2
    WORKFLOW = 3
    PIPELINE = 4
    SCRIPT = 5
    COMMENT = 6
    README = 7
    RELEASE = 8
    """A release tool that makes the context in a temporary folder. Its `context` is ``""``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildEvidence:
    """`file` builds `dockerfile` with the folder `context`. All three are paths from the root of the repository.

    `line` is the line of the statement, 0 where it is not known. `build_args` and `target` are those of a bake target.
    """

    kind: EvidenceKind
    dockerfile: str
    context: str
    file: str
    line: int = 0
    what: str = ""
    target: str | None = None
    build_args: Mapping[str, str] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """``file:line``, with what is there: ``docker-bake.hcl, target lint``."""
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place} ({self.what})" if self.what else place


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildCommand:
    """A build as a file writes it, before its paths are looked up in a tree.

    `dockerfile` ``None`` is the default name in the context. Paths are relative to one of `folders`, which are from the
    root; the first one with such a Dockerfile counts. `dockerfile_is_in_context` resolves it from the context.
    Holes (`HOLE`, each with a number) stand for text that is not known.
    """

    kind: EvidenceKind
    dockerfile: str | None
    context: str
    folders: tuple[str, ...]
    file: str
    line: int
    dockerfile_is_in_context: bool = False


HOLE = "\x00"
"""Marks the place of a variable whose value is not known: `HOLE` NAME `HOLE`."""

ROOT_MARK = "\x01"
"""Stands for the root of the repository at the beginning of a path."""

FILE_FOLDER_MARK = "\x02"
"""Stands for the folder of the file that holds the command at the beginning of a path."""
