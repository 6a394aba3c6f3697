"""Fits a text into a number of characters: drops the least important pieces first, and counts them for the reader."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """A piece of text that is shown completely or not at all.

    Pieces with the highest `rank` are dropped first, the last of them before the first; rank 0 stays. `kind` names a
    dropped piece for the reader, as a singular noun.
    """

    text: str
    rank: int
    kind: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TextSection:
    """Pieces between an `opening` and a `closing`, which are shown if at least one piece is."""

    opening: str = ""
    pieces: tuple[Piece, ...]
    closing: str = ""


def section_text(section: TextSection) -> str:
    """The complete text of a section."""
    return "".join([section.opening, *(piece.text for piece in section.pieces), section.closing])


def utf16_length(text: str) -> int:
    """The length of `text` in UTF-16 code units, which is at least its length in characters.

    GitHub counts characters and browsers count code units; a text within this limit satisfies both.
    """
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def compose(
    sections: Sequence[TextSection], *, maximum: int, remark: Callable[[dict[str, int]], str], remark_before: int
) -> str:
    """The sections in order, in at most `maximum` units (see `utf16_length`).

    If pieces are dropped, adds ``remark({kind: number})`` before the section with index `remark_before`. If the pieces
    of rank 0 are too long, the text is cut.
    """
    lengths = [[utf16_length(piece.text) for piece in section.pieces] for section in sections]
    frames = [utf16_length(section.opening) + utf16_length(section.closing) for section in sections]
    kept = [[True] * len(section.pieces) for section in sections]
    left = [len(section.pieces) for section in sections]
    length = sum(sum(row) for row in lengths) + sum(frame for frame, count in zip(frames, left, strict=True) if count)
    omitted: Counter[str] = Counter()
    said = ""
    if length > maximum:
        order = sorted(
            (-piece.rank, -number, -index)
            for number, section in enumerate(sections)
            for index, piece in enumerate(section.pieces)
            if piece.rank
        )
        for _, number, index in ((rank, -number, -index) for rank, number, index in order):
            omitted[sections[number].pieces[index].kind] += 1
            kept[number][index] = False
            left[number] -= 1
            length -= lengths[number][index] + (0 if left[number] else frames[number])
            said = remark(dict(omitted))
            if length + utf16_length(said) <= maximum:
                break
    parts: list[str] = []
    for number, section in enumerate(sections):
        if number == remark_before:
            parts.append(said)
        if left[number]:
            shown = (piece.text for piece, keep in zip(section.pieces, kept[number], strict=True) if keep)
            parts += [section.opening, *shown, section.closing]
    return _cut("".join(parts), maximum)


def _cut(text: str, maximum: int) -> str:
    if utf16_length(text) <= maximum:
        return text
    # Two bytes per unit; drops a character of two units at the cut.
    return text.encode("utf-16-le", "surrogatepass")[: (maximum - 1) * 2].decode("utf-16-le", "ignore") + "…"
