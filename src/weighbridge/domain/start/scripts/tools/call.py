"""One call of a small program in a script, and how it fails."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass

from weighbridge.domain.image.rootfs import LookupFailure, LookupReason, Node
from weighbridge.domain.paths import is_at_or_below
from weighbridge.domain.start.attempt import Process
from weighbridge.domain.start.busybox_program import Busybox
from weighbridge.domain.start.scripts.conditions import UNKNOWN_PLACES, Tester
from weighbridge.domain.start.scripts.state import State
from weighbridge.domain.start.scripts.tools.usage import Arguments

MISSING = "No such file or directory"
DENIED = "Permission denied"
NOT_PERMITTED = "Operation not permitted"
_WRITABLE = (*UNKNOWN_PLACES, "/tmp")  # noqa: S108
"""Folders whose permissions engines and orchestrators set."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CertainFailure:
    """The exit status, the printed message (empty if it prints none), its file, and a fix where there is one."""

    status: int
    text: str
    path: str
    why: str
    fix: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One call of a program: its operands, its options, and where it runs."""

    process: Process
    tester: Tester
    state: State
    name: str
    arguments: Arguments
    words: tuple[str, ...]
    busybox: Busybox | None

    @property
    def is_busybox(self) -> bool:
        """Whether the program is an applet of busybox."""
        return self.busybox is not None

    @property
    def operands(self) -> tuple[str, ...]:
        """The words that are no options."""
        return self.arguments.operands

    def has(self, letters: str, *long: str) -> bool:
        """Whether the call has one of the options."""
        return any(letter in self.arguments.letters for letter in letters) or bool(self.arguments.long & set(long))

    def place(self, path: str) -> Node | LookupFailure | None:
        """The file at the path; None if the running container may have a different one."""
        if self.state.directory is None and not path.startswith("/"):
            return None
        credentials = self.process.credentials
        node = self.process.rootfs.lookup(path, cwd=self.process.cwd, may_search=credentials.may_search)
        where = node.path if isinstance(node, Node) else node.at
        if self.tester.is_uncertain(self.state, where, is_there=isinstance(node, Node)):
            return None
        return node

    def missing(self, path: str) -> bool:
        """True if the path is certainly missing."""
        found = self.place(path)
        return isinstance(found, LookupFailure) and found.reason is LookupReason.NOT_FOUND

    def is_directory(self, path: str) -> bool:
        """True if the path is certainly a directory."""
        found = self.place(path)
        return isinstance(found, Node) and found.is_directory

    def lacks_parent(self, path: str) -> bool:
        """True if the directory that would hold the path is certainly missing."""
        parent = posixpath.dirname(path.rstrip("/"))
        return bool(parent) and self.missing(parent)

    def fails(self, *, gnu: str, busybox: str, path: str = "", why: str = MISSING, status: int = 1) -> CertainFailure:
        """The failure with the message of the program, after its name."""
        text = busybox if self.is_busybox else gnu
        return CertainFailure(status=status, text=f"{self.name}: {text}", path=path or self.name, why=why)

    def quoted(self, before: str, name: str) -> str:
        """A message of coreutils that quotes a name: with typographic quotes where the locale has them."""
        is_utf8 = any(
            "utf-8" in value.lower() or "utf8" in value.lower()
            for value in (self.process.env.get(key, "") for key in ("LC_ALL", "LC_CTYPE", "LANG"))
        )
        return before if is_utf8 else f"{before} '{name}'"


Rule = Iterator[CertainFailure]


def may_create(process: Process, tester: Tester, state: State, path: str) -> bool | None:
    """Whether the user may write the file, or create it; None if unknown. The path is absolute."""
    credentials = process.credentials
    if credentials.uid == 0 or any(is_at_or_below(path, place) for place in _WRITABLE):
        return None
    node = process.rootfs.lookup(path, may_search=credentials.may_search)
    if isinstance(node, LookupFailure) and node.reason is LookupReason.NOT_FOUND:
        node = process.rootfs.lookup(posixpath.dirname(path.rstrip("/")) or "/", may_search=credentials.may_search)
        if isinstance(node, Node) and not node.is_directory:
            return None
    if isinstance(node, LookupFailure):
        denied = node.reason is LookupReason.PERMISSION_DENIED
        return False if denied and not tester.is_uncertain(state, node.at, is_there=True) else None
    if tester.is_uncertain(state, node.path, is_there=True):
        return None
    may_write = credentials.may_write(node.entry)
    return may_write and (not node.is_directory or credentials.may_search(node.entry))
