"""One statement in a file about the build of a Dockerfile, and the precedence of such statements."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field


class EvidenceKind(enum.IntEnum):
    """The kind of a statement. A lower number overrides a higher one."""

    BAKE = 1
    COMPOSE = 2
    WORKFLOW = 3
    PIPELINE = 4
    SCRIPT = 5
    COMMENT = 6
    README = 7
    RELEASE = 8
    """A release tool that creates the context in a temporary folder. Its `context` is ``""``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildEvidence:
    """`file` builds `dockerfile` with the folder `context`. All three are paths from the root of the repository.

    `line` is the line of the statement, 0 if unknown. `build_args` and `target` come from a bake target.
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
        """``file:line``, or with a name: ``docker-bake.hcl, target lint``."""
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place} ({self.what})" if self.what else place


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildCommand:
    """A build command as written in a file, before its paths are resolved in a tree.

    `dockerfile` ``None`` is the default name in the context. Paths are relative to one of `folders`, which are from the
    root; the first one with such a Dockerfile counts. `dockerfile_is_in_context` resolves it from the context.
    Holes (`HOLE`, each with a number) replace unknown text.
    """

    kind: EvidenceKind
    dockerfile: str | None
    context: str
    folders: tuple[str, ...]
    file: str
    line: int
    dockerfile_is_in_context: bool = False


HOLE = "\x00"
"""Delimits a variable with an unknown value: `HOLE` NAME `HOLE`."""

ROOT_MARK = "\x01"
"""At the beginning of a path: the root of the repository."""

FILE_FOLDER_MARK = "\x02"
"""At the beginning of a path: the folder of the file with the command."""
