"""Matches globs without regular expressions, so that no pattern can make matching slow.

`match_segment` is Go's ``filepath.Match`` for one path segment, which BuildKit uses for the sources of ``COPY``.
`match_path` adds ``**`` for any number of segments, for the globs of the command line and the configuration.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass

WILDCARDS = frozenset("*?[")
_MAXIMUM_PATTERN = 1_024
_SPECIAL = re.compile(r"[*?\[\\]")


@dataclass(frozen=True, slots=True)
class _Any:
    """``*``: any number of characters."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _One:
    """One character: in `ranges`, or outside of them if `negated`. Without ranges it is ``?``."""

    ranges: tuple[tuple[str, str], ...] = ()
    negated: bool = False

    def matches(self, letter: str) -> bool:
        if not self.ranges:
            return True
        return any(low <= letter <= high for low, high in self.ranges) is not self.negated


def has_wildcards(text: str) -> bool:
    """True if `text` is a pattern and not a plain path; an escaped wildcard is plain."""
    index = 0
    while index < len(text):
        if text[index] in WILDCARDS:
            return True
        index += 2 if text[index] == "\\" else 1
    return False


def plain_prefix(pattern: str) -> str:
    """The common prefix of all matches of `pattern`: the text before its first special character."""
    return _SPECIAL.split(pattern, maxsplit=1)[0]


def match_path(pattern: str, path: str) -> bool:
    """True if `pattern` matches all of `path`; ``**`` matches any number of segments, ``*`` a part of one.

    A malformed or overlong pattern matches only itself.
    """
    if len(pattern) > _MAXIMUM_PATTERN:
        return pattern == path
    wanted, segments = pattern.split("/"), path.split("/")
    # reached[j]: the segments of the pattern so far match the first j segments of the path.
    reached = [True] + [False] * len(segments)
    for piece in wanted:
        if piece == "**":
            for j in range(1, len(reached)):
                reached[j] = reached[j] or reached[j - 1]
        else:
            reached = [False] + [reached[j] and match_segment(piece, segment) for j, segment in enumerate(segments)]
    return reached[-1] or pattern == path


def match_segment(pattern: str, name: str) -> bool:
    """True if `pattern` matches all of `name`, which has no slash. A malformed pattern matches nothing."""
    tokens = _tokens(pattern)
    if tokens is None:
        return False
    at = position = 0
    star, star_position = -1, 0
    while position < len(name):
        token = tokens[at] if at < len(tokens) else None
        if isinstance(token, _Any):
            star, star_position = at, position
            at += 1
        elif token == name[position] or (isinstance(token, _One) and token.matches(name[position])):
            at += 1
            position += 1
        elif star >= 0:
            # Extend the last star by one character. Earlier stars need no retry: the current match is the leftmost.
            star_position += 1
            at, position = star + 1, star_position
        else:
            return False
    return all(isinstance(token, _Any) for token in tokens[at:])


@functools.lru_cache(maxsize=256)
def _tokens(pattern: str) -> Sequence[str | _Any | _One] | None:
    """The tokens of the pattern, or ``None`` if it is malformed or overlong."""
    if len(pattern) > _MAXIMUM_PATTERN:
        return None
    tokens: list[str | _Any | _One] = []
    index = 0
    while index < len(pattern):
        letter = pattern[index]
        index += 1
        if letter == "*":
            tokens.append(_Any())
        elif letter == "?":
            tokens.append(_One())
        elif letter == "[":
            found = _character_class(pattern, index)
            if found is None:
                return None
            one, index = found
            tokens.append(one)
        elif letter == "\\":
            if index == len(pattern):
                return None
            tokens.append(pattern[index])
            index += 1
        else:
            tokens.append(letter)
    return tokens


def _character_class(pattern: str, index: int) -> tuple[_One, int] | None:
    """The character class that begins after ``[``, and the index after it."""
    negated = pattern[index : index + 1] == "^"
    index += negated
    ranges: list[tuple[str, str]] = []
    while True:
        if pattern[index : index + 1] == "]" and ranges:
            return _One(ranges=tuple(ranges), negated=negated), index + 1
        low = _class_letter(pattern, index)
        if low is None:
            return None
        index = low[1]
        high = low
        if pattern[index : index + 1] == "-":
            end = _class_letter(pattern, index + 1)
            if end is None:
                return None
            high, index = end, end[1]
        ranges.append((low[0], high[0]))


def _class_letter(pattern: str, index: int) -> tuple[str, int] | None:
    letter = pattern[index : index + 1]
    if letter in {"", "-", "]"}:
        return None
    if letter == "\\":
        index += 1
        letter = pattern[index : index + 1]
        if not letter:
            return None
    return letter, index + 1
