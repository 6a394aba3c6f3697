"""The text of an instruction as BuildKit gives it to the shell, with the place of each character in the file.

Rule: BuildKit's Dockerfile parser (`frontend/dockerfile/parser/parser.go`) removes the backslash, the blanks and the
line end of a continued line, and drops the comment lines and empty lines that follow it.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import NamedTuple

_CONTINUATION = re.compile(r"\\[ \t]*\r?\n(?:[ \t]*(?:#[^\n]*)?\r?\n)*(?:[ \t]*#[^\n]*$)?")
_CARRIAGE_RETURN = re.compile(r"\r(?=\n)")


class JoinedText(NamedTuple):
    """A `text` that was joined from pieces of a file.

    The piece at `begins[i]` of the text is at `places[i]` of the file.
    """

    text: str
    begins: tuple[int, ...]
    places: tuple[int, ...]

    @property
    def is_whole(self) -> bool:
        """True if the text is one piece of the file."""
        return len(self.begins) == 1

    def place(self, position: int) -> int:
        """The position in the file of the character at `position`."""
        piece = bisect_right(self.begins, position) - 1
        return self.places[piece] + position - self.begins[piece]

    def end_place(self, position: int) -> int:
        """The position in the file after a token that ends before `position`."""
        return self.place(position - 1) + 1 if position else self.place(0)


def joined_lines(text: str, start: int, end: int) -> JoinedText:
    """The lines between two places of a Dockerfile as one line."""
    return _without(_CONTINUATION, text, start, end)


def unix_lines(text: str, start: int, end: int) -> JoinedText:
    """The lines between two places of a Dockerfile, each ending in a plain newline (here-documents)."""
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
