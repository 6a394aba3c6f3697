"""Makes hostile text safe for a log line, a message or an API field."""

from __future__ import annotations

MAXIMUM_LINE_CHARACTERS = 400


def printable_line(text: str, *, maximum_characters: int = MAXIMUM_LINE_CHARACTERS) -> str:
    """`text` as one printable line of at most `maximum_characters`; control characters become ``?`` or space."""
    head = text[: maximum_characters + 1]
    line = "".join(
        character if character.isprintable() else ("?" if character not in "\r\n\t" else " ") for character in head
    )
    return line if len(head) <= maximum_characters else line[: maximum_characters - 1] + "…"


def first_line(body: str | None) -> str:
    """The first line of a comment, without trailing space; empty for none."""
    return (body or "").partition("\n")[0].rstrip()


def cut_bytes(text: str, maximum_bytes: int, *, note: str) -> str:
    """`text`, cut at a line's end to leave room for `note` within `maximum_bytes` of UTF-8."""
    data = text.encode("utf-8", errors="replace")
    if len(data) <= maximum_bytes:
        return text
    kept = data[: max(0, maximum_bytes - len(note.encode()))].decode("utf-8", errors="ignore")
    line_end = kept.rfind("\n")
    return (kept[: line_end + 1] if line_end >= 0 else kept) + note


def sentence(error: Exception) -> str:
    """The text of `error` as a sentence with a capital letter."""
    text = str(error)
    return text[:1].upper() + text[1:]


def _printable(character: str) -> str:
    if character.isprintable():
        return character
    return " " if character in "\r\n\t" else "?"
