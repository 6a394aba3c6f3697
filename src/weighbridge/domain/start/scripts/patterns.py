"""Shell patterns (POSIX XCU 2.13): matches texts and file names."""

from __future__ import annotations

import functools
import posixpath
import re

from weighbridge.domain.image.rootfs import Node, Rootfs

MAX_MATCHES = 200
_SPECIAL = frozenset("*?[")
Piece = tuple[str, bool]
"""Text, and whether it is quoted: quoted text is not a pattern."""


def is_pattern(pieces: tuple[Piece, ...]) -> bool:
    """True if the text contains an unquoted ``*``, ``?`` or ``[``."""
    return any(not quoted and _SPECIAL & set(text) for text, quoted in pieces)


@functools.lru_cache(maxsize=512)
def expression(pieces: tuple[Piece, ...], *, in_path: bool = False) -> re.Pattern[str]:
    """A regular expression for a pattern.

    Every ``*`` but the last takes the first place where the text up to the next ``*`` matches, and never another one:
    the result is the same, and the time is linear in the number of ``*``.
    """
    one = "[^/]" if in_path else "."
    segments: list[list[str]] = [[]]
    for text, quoted in pieces:
        position = 0
        while position < len(text):
            character = text[position]
            position += 1
            if quoted or character not in _SPECIAL:
                segments[-1].append(re.escape(character))
            elif character == "*":
                if segments[-1] or len(segments) == 1:
                    segments.append([])
            elif character == "?":
                segments[-1].append(one)
            else:
                bracket, position = _bracket(text, position)
                segments[-1].append(bracket)
    first, *others = ("".join(segment) for segment in segments)
    middle = "".join(f"(?>{one}*?{segment})" for segment in others[:-1])
    last = f"{one}*{others[-1]}" if others else ""
    try:
        return re.compile(first + middle + last, re.DOTALL)
    except re.error:
        return re.compile(re.escape("".join(text for text, _ in pieces)))


def _bracket(text: str, position: int) -> tuple[str, int]:
    """The bracket expression that begins after its ``[``, and the index of its end."""
    negated = text[position : position + 1] in {"!", "^"} and position < len(text)
    start = position + negated
    end = text.find("]", start + 1)
    if end < 0:
        return re.escape("["), position
    if "[:" in text[start:end]:
        closing = text.find(":]", start)
        end = text.find("]", closing + 2) if closing >= 0 else -1
        if end < 0:
            return re.escape("["), position
    body = text[start:end]
    for name, letters in (
        ("alpha", "A-Za-z"),
        ("digit", "0-9"),
        ("alnum", "A-Za-z0-9"),
        ("space", r"\s"),
        ("upper", "A-Z"),
        ("lower", "a-z"),
        ("blank", " \t"),
    ):
        body = body.replace(f"[:{name}:]", letters)
    body = body.replace("\\", "\\\\").replace("\\\\s", "\\s").replace("[", "\\[").replace("^", "\\^")
    return f"[{'^' if negated else ''}{body}]", end + 1


def matches(text: str, pieces: tuple[Piece, ...]) -> bool:
    """True if the whole text matches the pattern. A long text never matches: it is not checked here."""
    return expression(pieces).fullmatch(text[:4096]) is not None


def trimmed(text: str, pieces: tuple[Piece, ...], *, suffix: bool, longest: bool) -> str:
    """``${text#pattern}`` and similar."""
    if len(text) > 4096:
        return text
    wanted = expression(pieces)
    lengths = range(len(text), -1, -1) if longest else range(len(text) + 1)
    for length in lengths:
        part = text[len(text) - length :] if suffix else text[:length]
        if wanted.fullmatch(part):
            return text[: len(text) - length] if suffix else text[length:]
    return text


def file_names(rootfs: Rootfs, pieces: tuple[Piece, ...], cwd: str) -> tuple[str, ...]:
    """The file names that match a pattern, sorted; empty if none does."""
    flat = [(character, quoted) for text, quoted in pieces for character in text]
    components: list[list[Piece]] = [[]]
    for character, quoted in flat:
        if character == "/":
            components.append([])
        else:
            components[-1].append((character, quoted))
    names = [""]
    for number, component in enumerate(components):
        last = number == len(components) - 1
        found: list[str] = []
        for prefix in names:
            found.extend(_step(rootfs, prefix, tuple(component), cwd, first=number == 0))
        names = found[:MAX_MATCHES] if last else [f"{name}/" for name in found[:MAX_MATCHES]]
    return tuple(sorted(name for name in names if isinstance(rootfs.lookup(name, cwd=cwd, follow=False), Node)))


def _step(rootfs: Rootfs, prefix: str, component: tuple[Piece, ...], cwd: str, *, first: bool) -> list[str]:
    text = "".join(character for character, _ in component)
    if not is_pattern(component):
        return [prefix + text]
    directory = rootfs.lookup(prefix or ".", cwd=cwd) if prefix or first else None
    if not isinstance(directory, Node) or not directory.is_directory:
        return []
    wanted = expression(component, in_path=True)
    names = (posixpath.basename(child.path) for child in rootfs.children(directory))
    return [prefix + name for name in names if wanted.fullmatch(name) and (text[0] == "." or name[0] != ".")]
