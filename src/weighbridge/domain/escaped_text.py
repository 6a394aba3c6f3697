"""Undoes the escapes in which programs print a text: JSON, URLs, HTML, shells, dumps of bytes.

A secret in such a form is found in the text without escapes, and its place in the original follows from it.
"""

from __future__ import annotations

import html
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from weighbridge.domain.late_pattern import late_pattern

_MAXIMUM_LAYERS = 2
"""A text may be escaped twice, as a URL in a URL is."""

_ESCAPE = late_pattern(
    r"(?P<percent>(?:%[0-9A-Fa-f]{2})+)"
    r"|(?P<unicode>(?:\\u[0-9A-Fa-f]{4})+)"
    r"|(?P<byte>(?:\\x[0-9A-Fa-f]{2})+)"
    r"|(?P<octal>(?:\\[0-3][0-7]{2})+)"
    r"|(?P<entity>&(?:#x[0-9A-Fa-f]{1,6}|#[0-9]{1,7}|amp|lt|gt|quot|apos);)"
    r"|\\(?P<quoted>[^\w\s])"
    r"|(?P<invisible>[\u00ad\u180e\u200b-\u200f\u2060-\u2064\ufeff\x00-\x08\x0b-\x1a\x1c-\x1f\x7f]+|\x1b\[[0-9;?]{0,50}[@-~])"
    r"|(?<![0-9A-Za-z])(?P<dump>(?:(?:0x)?(?:[0-9A-Fa-f]{2}){1,4}[ :,-]{1,2}){3,4096}(?:0x)?(?:[0-9A-Fa-f]{2}){1,4})"
    r"(?![0-9A-Za-z])"
)
_NO_DIGITS = re.compile(r"0x|[^0-9A-Fa-f]")
_OCTAL = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Layer:
    """A text without one layer of escapes. `places`, `starts` and `ends` are of its parts.

    `places` are where they begin in `text`; `starts` and `ends` where they are in the original. An end of ``-1`` is
    that of a part without an escape, which has as many characters as the original.
    """

    text: str
    places: list[int]
    starts: list[int]
    ends: list[int]

    def original(self, start: int, end: int) -> tuple[int, int]:
        """The part of the original for a part of `text`. An escape belongs to it as a whole."""
        first, last = (bisect_right(self.places, at) - 1 for at in (start, end - 1))
        begins = self.starts[first] + (start - self.places[first] if self.ends[first] < 0 else 0)
        is_plain = self.ends[last] < 0
        return begins, self.starts[last] + end - self.places[last] if is_plain else self.ends[last]


def found_behind_escapes(text: str, pattern: re.Pattern[str]) -> list[tuple[int, int]]:
    """The parts of `text` that `pattern` matches after escapes are undone, in order and without overlaps."""
    spans: list[tuple[int, int]] = []
    layers: list[_Layer] = []
    for _ in range(_MAXIMUM_LAYERS):
        layer = _without_escapes(layers[-1].text if layers else text)
        if layer is None:
            break
        layers.append(layer)
        for match in pattern.finditer(layer.text):
            span = match.span()
            for one in reversed(layers):
                span = one.original(*span)
            spans.append(span)
    return list(_merged(spans))


def _merged(spans: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    end = 0
    start = -1
    for one in sorted(spans):
        if start >= 0 and one[0] <= end:
            end = max(end, one[1])
            continue
        if start >= 0:
            yield start, end
        start, end = one
    if start >= 0:
        yield start, end


def _without_escapes(text: str) -> _Layer | None:
    """`text` without one layer of escapes; ``None`` if it has none."""
    parts: list[str] = []
    places: list[int] = []
    starts: list[int] = []
    ends: list[int] = []
    at = length = 0

    def add(part: str, start: int, end: int) -> None:
        nonlocal length
        if part:
            parts.append(part)
            places.append(length)
            starts.append(start)
            ends.append(end)
            length += len(part)

    for match in _ESCAPE.finditer(text):
        add(text[at : match.start()], at, -1)
        add(_meant(match), match.start(), match.end())
        at = match.end()
    if at == 0:
        return None
    add(text[at:], at, -1)
    return _Layer(text="".join(parts), places=places, starts=starts, ends=ends)


def _meant(match: re.Match[str]) -> str:
    """The characters that an escape stands for."""
    kind, escape = match.lastgroup, match[0]
    if kind == "quoted":
        return match["quoted"]
    if kind == "invisible":
        return ""
    if kind == "entity":
        return html.unescape(escape)
    if kind == "unicode":
        return bytes.fromhex(escape.replace("\\u", "")).decode("utf-16-be", "replace")
    if kind == "octal":
        return bytes(int(one, 8) for one in _OCTAL.findall(escape)).decode("utf-8", "replace")
    return bytes.fromhex(_NO_DIGITS.sub("", escape)).decode("utf-8", "replace")
