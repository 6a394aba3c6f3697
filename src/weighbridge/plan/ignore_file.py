"""Parses ignore files (``.dockerignore``, ``DOCKERFILE.dockerignore``) byte by byte, as a build does.

Sources: moby/patternmatcher, ``ignorefile.ReadAll`` (lines), ``patternmatcher.New`` and ``Pattern.compile`` (patterns),
``MatchesUsingParentResults`` (folders above a path). Releases of docker disagree on some patterns; a file with such
patterns ignores nothing here. "Not ignored" is the safe result: the image is then built, and the build decides.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from dataclasses import dataclass

_MAXIMUM_BYTES = 262_144
_MAXIMUM_LINE_BYTES = 65_535
"""A longer line fails the build: it exceeds the buffer of Go's ``bufio.Scanner``."""
_MAXIMUM_PATTERNS = 500
_MAXIMUM_PATTERN_CHARACTERS = 512
_MAXIMUM_WILDCARDS = 4
_MAXIMUM_DOUBLE_STARS = 2
_MAXIMUM_DEPTH = 200

_BYTE_ORDER_MARK = "\ufeff"
_GO_SPACES = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
"""The characters that Go's ``strings.TrimSpace`` removes. Python's ``str.strip`` also removes U+001C to U+001F."""
_STARS = re.compile(r"\*+")
_SPECIAL = re.compile(r"[*?\[\]\\]")
_SYNTAX_OF_SOME = re.compile(r"[+(){}|^]")
"""Part of a regular expression in some releases of docker, plain text in others."""
_DISPUTED = re.compile(r"[$\[\]]|\\[A-Za-z0-9]|\\$|\*\*[^/]|[^/*]\*\*|\*\*\*")
"""The same in a pattern with wildcards, and ``**`` that is not between slashes."""
_LFS_POINTER = b"version https://git-lfs"
_CLASS = re.compile(r"\[(?P<negated>\^?)(?P<ranges>(?:[A-Za-z0-9._~@%,=-]-[A-Za-z0-9._~@%,=]|[A-Za-z0-9._~@%,=])+)\]")


class _NotTrustedError(ValueError):
    """A malformed pattern, a pattern beyond the limits, or one that releases of docker read differently."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Pattern:
    """One line. `is_exception` marks ``!``; `matches` takes a path or a folder above it."""

    is_exception: bool
    matches: Callable[[str], bool]


class IgnoreFile:
    """The patterns of an ignore file.

    A file ignores nothing if a build refuses it, or if its patterns exceed the limits or are disputed.
    """

    def __init__(self, data: bytes) -> None:
        try:
            self._patterns = _parse(data)
        except _NotTrustedError:
            self._patterns = ()
        self._known: dict[str, tuple[bool, ...]] = {}

    def ignores(self, path: str) -> bool:
        """True if the patterns exclude `path` (relative to the context)."""
        if not self._patterns or path.count("/") > _MAXIMUM_DEPTH:
            return False
        matched = False
        for pattern, hit in zip(self._patterns, self._hits(path), strict=True):
            if hit:
                matched = not pattern.is_exception
        return matched

    def _hits(self, path: str) -> tuple[bool, ...]:
        """For each pattern, whether it applies to `path`: inherited from its folder, then updated by own matches."""
        known = self._known.get(path)
        if known is not None:
            return known
        above = posixpath.dirname(path)
        inherited = self._hits(above) if above else (False,) * len(self._patterns)
        matched = False
        hits = []
        for pattern, is_inherited in zip(self._patterns, inherited, strict=True):
            hit = is_inherited or (pattern.is_exception is matched and pattern.matches(path))
            if hit:
                matched = not pattern.is_exception
            hits.append(hit)
        self._known[path] = tuple(hits)
        return self._known[path]


def pattern_lines(data: bytes) -> tuple[str, ...]:
    r"""The cleaned patterns of an ignore file, exceptions with ``!``. Raises ValueError if a build refuses it.

    Only ``\n`` ends a line. Comments are recognised first; then ``\r`` and all other spaces are trimmed.
    """
    if len(data) > _MAXIMUM_BYTES or data.startswith(_LFS_POINTER):
        raise _NotTrustedError
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _NotTrustedError from error
    found = []
    for line in text.removeprefix(_BYTE_ORDER_MARK).split("\n"):
        if len(line.encode()) > _MAXIMUM_LINE_BYTES - 1:
            raise _NotTrustedError
        if line.startswith("#") or not (pattern := line.strip(_GO_SPACES)):
            continue
        is_exception = pattern.startswith("!")
        if is_exception:
            pattern = pattern[1:].strip(_GO_SPACES)
        if not pattern:
            raise _NotTrustedError
        pattern = posixpath.normpath(re.sub("/+", "/", pattern)).removeprefix("/") or "/"
        found.append("!" * is_exception + pattern)
    return tuple(found)


def _parse(data: bytes) -> tuple[_Pattern, ...]:
    lines = pattern_lines(data)
    if len(lines) > _MAXIMUM_PATTERNS:
        raise _NotTrustedError
    patterns = []
    for line in lines:
        # `New` cleans a second time, including the "!": it trims and looks for "!" again.
        pattern = line.removeprefix("!")
        if pattern.startswith("!") or pattern != pattern.strip(_GO_SPACES):
            raise _NotTrustedError
        patterns.append(_Pattern(is_exception=line.startswith("!"), matches=_compile(pattern)))
    return tuple(patterns)


def _compile(pattern: str) -> Callable[[str], bool]:
    """The predicate of one pattern: a comparison, or with wildcards a regular expression. Raises _NotTrustedError."""
    _require_plain_text(pattern)
    if _SYNTAX_OF_SOME.search(_CLASS.sub("x", pattern)):
        raise _NotTrustedError
    if _SPECIAL.search(pattern) is None:
        return lambda path: path == pattern
    _require_bounds(pattern)
    expression = ""
    at = 0
    while at < len(pattern):
        if pattern.startswith("**", at):
            # Only between slashes: see `_DISPUTED`. "**/" matches any number of folders, including none.
            at += 3
            expression += ".*" if at >= len(pattern) else "(?:.*/)?"
        elif pattern[at] == "[":
            bracket = _CLASS.match(pattern, at)
            if bracket is None or "--" in bracket["ranges"]:
                raise _NotTrustedError
            expression += f"[{bracket['negated']}{bracket['ranges']}]"
            at = bracket.end()
        elif pattern[at] == "\\":
            expression += re.escape(pattern[at + 1])
            at += 2
        else:
            expression += {"*": "[^/]*", "?": "[^/]"}.get(pattern[at]) or re.escape(pattern[at])
            at += 1
    try:
        compiled = re.compile(expression)
    except re.error as error:
        raise _NotTrustedError from error
    return lambda path: compiled.fullmatch(path) is not None


def _require_plain_text(pattern: str) -> None:
    """Raises _NotTrustedError for characters that some releases do not pass to the builder."""
    if not pattern.isprintable() or _BYTE_ORDER_MARK in pattern or pattern in {".", "..", "/"}:
        raise _NotTrustedError
    if pattern.startswith("../"):
        raise _NotTrustedError


def _require_bounds(pattern: str) -> None:
    """Raises _NotTrustedError if matching could be slow, or if releases of docker disagree."""
    stars = _STARS.findall(pattern)
    if (
        len(pattern) > _MAXIMUM_PATTERN_CHARACTERS
        or len(stars) > _MAXIMUM_WILDCARDS
        or sum(len(run) > 1 for run in stars) > _MAXIMUM_DOUBLE_STARS
        or _DISPUTED.search(_CLASS.sub("x", pattern))
    ):
        raise _NotTrustedError
