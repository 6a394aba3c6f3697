"""Programs of awk that certainly succeed: everything else may have a syntax error, or an ``exit``."""

from __future__ import annotations

import re

_MAX_CHARACTERS = 4096
_TEXT = r'"[^"\\\n]*"'
_REGEX = r"/[A-Za-z0-9_:.,^$ =-]*/"
_VALUE = rf"(?:\$?\w+|{_TEXT})"
_COMPARED = rf"(?:NR|NF|\$\w+) *(?:==|!=|[<>]=?) *(?:{_TEXT}|\w+)|\$\w+ *!?~ *{_REGEX}"
_PATTERN = rf"(?:BEGIN|END|!?{_REGEX}|{_COMPARED}|\$\w+|\w+)"
_ACTION = rf"\{{ *(?:print(?: *{_VALUE}(?:[ ,]+{_VALUE}){{0,20}})?)? *;? *\}}"
_PLAIN = re.compile(rf" *(?:{_ACTION}|{_PATTERN} *{_ACTION}|!?{_REGEX}|{_COMPARED}|[0-9]{{1,9}}) *")
_OPTION = re.compile(r"-[fFv]")


def awk_program(words: tuple[str, ...]) -> str | None:
    """The program among the arguments of awk; None if a file has it (``-f``). Other options make it unknown: empty."""
    position = 0
    while position < len(words) and words[position].startswith("-") and len(words[position]) > 1:
        word = words[position]
        if word == "--":
            position += 1
            break
        if word.startswith(("-f", "--file")):
            return None
        if not _OPTION.match(word):
            return ""
        position += 1 if len(word) > 2 else 2
    return words[position] if position < len(words) else ""


def is_plain_awk(program: str) -> bool:
    """True for ``/pattern/ {print $1}`` and the like. Source: POSIX awk, "Grammar"."""
    return len(program) <= _MAX_CHARACTERS and _PLAIN.fullmatch(program) is not None
