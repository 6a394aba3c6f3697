"""The text of an instruction as BuildKit gives it to the shell, with the place of each character in the file.

Rule: BuildKit's Dockerfile parser (`frontend/dockerfile/parser/parser.go`) removes the backslash, the blanks and the
line end of a continued line, and drops the comment lines and empty lines that follow it.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass

_CONTINUATION = re.compile(r"\\[ \t]*\r?\n(?:[ \t]*(?:#[^\n]*)?\r?\n)*(?:[ \t]*#[^\n]*$)?")
_CARRIAGE_RETURN = re.compile(r"\r(?=\n)")


@dataclass(frozen=True, kw_only=True, slots=True)
class JoinedText:
    """A `text` that was cut out of a file in pieces.

    The piece that begins at `begins[i]` in the text stands at `places[i]` in the file.
    """

    text: str
    begins: tuple[int, ...]
    places: tuple[int, ...]

    @property
    def is_whole(self) -> bool:
        """True if the text stands in the file in one piece."""
        return len(self.begins) == 1

    def place(self, position: int) -> int:
        """Where the character at `position` stands in the file."""
        piece = bisect_right(self.begins, position) - 1
        return self.places[piece] + position - self.begins[piece]

    def end_place(self, position: int) -> int:
        """Where a token that ends before `position` ends in the file: behind its last character."""
        return self.place(position - 1) + 1 if position else self.place(0)


def joined_lines(text: str, start: int, end: int) -> JoinedText:
    """The lines between two places of a Dockerfile as one line."""
    return _without(_CONTINUATION, text, start, end)


def unix_lines(text: str, start: int, end: int) -> JoinedText:
    """The lines between two places of a Dockerfile, each ended by a newline alone (here-documents)."""
    return _without(_CARRIAGE_RETURN, text, start, end)


def _without(pattern: re.Pattern[str], text: str, start: int, end: int) -> JoinedText:
    begins: list[int] = []
    places: list[int] = []
    pieces: list[str] = []
    length, position = 0, start
    for match in pattern.finditer(text, start, end):
        begins.append(length)
        places.append(position)
        pieces.append(text[position : match.start()])
        length += match.start() - position
        position = match.end()
    begins.append(length)
    places.append(position)
    pieces.append(text[position:end])
    return JoinedText(text="".join(pieces), begins=tuple(begins), places=tuple(places))
