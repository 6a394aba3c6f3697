"""``redis-server`` and ``valkey-server``: the directives of the configuration file and of the command line.

Source: redis's src/server.c (``main``) and src/config.c (``loadServerConfigFromString``). The messages were recorded
from redis 7.0. A directive is known if the program has its name.
"""

from __future__ import annotations

import itertools
import posixpath
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from weighbridge.domain.image.rootfs import LookupFailure, LookupReason, Node
from weighbridge.domain.start.attempt import UNKNOWN, Process, Program
from weighbridge.domain.start.interpreters.reading import Reading
from weighbridge.domain.start.interpreters.view import View

_PROGRAM = re.compile(r"(?:redis|valkey)-")
_MAX_PROGRAM_BYTES = 16 * 1024 * 1024
_MAX_LINES = 2000
_MAX_NAMES = 20_000
_MAX_DIRECTIVES = 400
_COMMON = b"appendonly\0"
"""A directive of all versions: without it, the program keeps its names in another way."""
_NAMES = re.compile(rb"[a-z][a-z0-9_-]{1,60}+\0")
_MAX_FILES = 20
_UNKNOWN_DIRECTIVE = "Bad directive or wrong number of arguments"
_SWITCHES = frozenset(
    {"activedefrag", "activerehashing", "aof-load-truncated", "aof-use-rdb-preamble", "appendonly", "cluster-enabled"}
    | {"daemonize", "no-appendfsync-on-rewrite", "protected-mode", "rdbchecksum", "rdbcompression", "syslog-enabled"}
    | {"repl-diskless-sync", "replica-read-only", "replica-serve-stale-data", "stop-writes-on-bgsave-error"}
)
"""Directives that are ``yes`` or ``no`` in all versions."""


def read_redis(process: Process, program: Program) -> Reading | None:
    """The directives that a redis reads before it serves; None for other programs."""
    view = View(process=process, program=program)
    # Debian's program is a link to redis-check-rdb: the name by which it is called decides.
    if view.called not in {"redis-server", "valkey-server"} or not _PROGRAM.match(posixpath.basename(program.path)):
        return None
    words = view.words
    if set(words) & {"--sentinel", "--test-memory", "-"} or words[:1] in {
        ("-v",),
        ("--version",),
        ("-h",),
        ("--help",),
    }:
        return view.looked("its options are not read")
    node = view.file(program.path)
    content = process.rootfs.read(node, limit_bytes=_MAX_PROGRAM_BYTES) if node is not None else b""
    # Few bytes of a program are names, so that the search for each directive is short.
    names = b"".join(match[0] for match in itertools.islice(_NAMES.finditer(content), _MAX_NAMES))
    configuration = _Configuration(view=view, names=names)
    if not words or words[0].startswith("-"):
        reading, shown = configuration.lines(_given(words), "the command line"), "its options"
    else:
        path = words[0]
        found = view.named_file(path, f"Fatal error, can't open config file '{view.absolute(path)}'")
        if isinstance(found, Reading):
            return found
        reading = configuration.file(found) or configuration.lines(_given(words[1:]), "the command line")
        shown = f"the directives of {found.path}"
    return reading or view.looked(f"{shown} are read, not all of their values")


def _given(words: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """The directives of the command line: ``--name value`` is a line of the configuration."""
    line: list[str] = []
    for word in words:
        if word.startswith("--") and line:
            yield 1, line
            line = []
        line.append(word.removeprefix("--"))
    if line:
        yield 1, line


@dataclass(slots=True, kw_only=True)
class _Configuration:
    """The directives so far. `folder` is where relative names count from."""

    view: View
    names: bytes
    folder: str = ""
    files: int = 0
    known: dict[str, bool] = field(default_factory=dict)

    def file(self, node: Node) -> Reading | None:
        """A file of directives; it is not read if it is too large, or if a command before may have changed it."""
        self.files += 1
        text = self.view.configuration(node)
        if text is None or self.files > _MAX_FILES:
            return None
        return self.lines(_split(text), node.path)

    def lines(self, lines: Iterator[tuple[int, list[str]]], shown: str) -> Reading | None:
        """Directives in their order; the first that redis refuses ends it."""
        for number, words in lines:
            if not words:
                text = "Unbalanced quotes in configuration line"
                return self.view.misconfigured(text, f"{shown}:{number}", "a quote has no end")
            reading = self.directive(words[0].lower(), words[1:], f"{shown}:{number}")
            if reading is not None:
                return reading
        return None

    def directive(self, name: str, values: list[str], where: str) -> Reading | None:
        """One directive."""
        if UNKNOWN in (name, *values):
            return None
        if not self.has(name):
            return self.view.misconfigured(_UNKNOWN_DIRECTIVE, where, f"the program has no directive {name[:60]}")
        value = values[0] if values else ""
        if name in _SWITCHES and len(values) == 1 and value.lower() not in {"yes", "no"}:
            return self.view.misconfigured("argument must be 'yes' or 'no'", where, f"{name} takes yes or no")
        match name:
            case "include" if value and not set(value) & set("*?["):
                found = self.view.find(value, self.folder or None)
                if isinstance(found, LookupFailure):
                    text = f"Fatal error, can't open config file '{value}'"
                    return self.view.absent(found) or self.view.misconfigured(
                        text, where, f"{value} is not in the image"
                    )
                return self.file(found) if found.is_file else None
            case "dir" if value:
                return self.enter(value, where)
            case "logfile" if value:
                folder = self.view.find(posixpath.dirname(value) or ".", self.folder or None)
                if isinstance(folder, LookupFailure) and folder.reason is LookupReason.NOT_FOUND:
                    why = f"{folder.at} is not in the image"
                    return self.view.absent(folder) or self.view.misconfigured("Can't open the log file", where, why)
        return None

    def enter(self, folder: str, where: str) -> Reading | None:
        """``dir``: redis changes to the folder at once."""
        found = self.view.find(folder, self.folder or None)
        if isinstance(found, Node):
            self.folder = found.path
            return None
        text = "No such file or directory"
        return self.view.absent(found) or self.view.misconfigured(text, where, f"{found.at} is not in the image")

    def has(self, name: str) -> bool:
        """Whether the program has the name. The search is bounded: the rest counts as known."""
        if _COMMON not in self.names:
            return True
        if name not in self.known and len(self.known) < _MAX_DIRECTIVES:
            self.known[name] = not name.isascii() or not name or name.encode() + b"\0" in self.names
        return self.known.get(name, True)


def _split(text: str) -> Iterator[tuple[int, list[str]]]:
    """The words of each line, with its number; none for a quote without an end. Other odd quotes are left out."""
    for number, line in enumerate(text.split("\n")[:_MAX_LINES], start=1):
        plain = line.strip(" \t\r")
        if plain and not plain.startswith("#"):
            if plain.count('"') == 1 and not set(plain) & set("'\\"):
                yield number, []
                continue
            try:
                words = shlex.split(plain) if set(plain) & set("\"'\\") else plain.split()
            except ValueError:
                continue
            if words:
                yield number, words
