"""Arguments that are no test, for which ``test`` and ``[`` print an error and end with 2.

The messages were recorded from dash 0.5.12, bash 5.2 and busybox 1.35, whose ``[`` prints only its message.
"""

from __future__ import annotations

import re

from weighbridge.domain.start.programs import Tool
from weighbridge.domain.start.scripts.conditions import BINARY, is_unary

_INTEGER = re.compile(r"\s*[+-]?[0-9]+\s*")
INTEGER_TESTS = frozenset({"-eq", "-ne", "-lt", "-le", "-gt", "-ge"})
_UNARY = {
    Tool.DASH: "bcdefghknoprstuwxzGLOSa",
    Tool.BUSYBOX: "abcdefghknoprstuwxzGLOSN",
    Tool.BASH: "abcdefghknoprstuvwxzGLNORS",
}
_CONNECT = frozenset({"!", "(", ")", "-a", "-o"})


def condition_fault(tool: Tool, name: str, fields: tuple[str | None, ...]) -> str | None:
    """The message, without the name of the command; None for a test, or if that is not known."""
    words = [field for field in fields if field is not None]
    if len(words) < len(fields):
        return None
    if name == "[":
        if words[-1:] != ["]"]:
            return "missing `]'" if tool is Tool.BASH else "missing ]"
        words.pop()
    if set(words) & _CONNECT or len(words) < 2:
        return None
    if len(words) == 2:
        return _no_unary(tool, *words)
    if len(words) > 3:
        # dash names the word after the first test that it reads.
        return {Tool.BASH: "too many arguments", Tool.BUSYBOX: "unknown operand"}.get(tool, "")
    left, operator, right = words
    if operator in INTEGER_TESTS:
        bad = next((word for word in (left, right) if not is_integer(word)), None)
        return None if bad is None else _not_integer(tool, bad)
    is_known = operator in BINARY and (operator != "==" or tool is not Tool.DASH)
    if is_known or (tool is Tool.BASH and operator == "=~"):
        return None
    if tool is Tool.BASH:
        return f"{operator}: binary operator expected"
    if tool is Tool.BUSYBOX:
        return f"{right if is_unary(left) else operator}: unknown operand"
    return f"{operator if is_unary(left) else left}: unexpected operator"


def _no_unary(tool: Tool, operator: str, operand: str) -> str | None:
    """Two words, such as ``= x`` after a variable that is empty."""
    letters = _UNARY[tool]
    if len(operator) == 2 and operator[0] == "-" and operator[1] in letters:
        return None
    if tool is Tool.BASH:
        return f"{operator}: unary operator expected"
    return f"{operand}: unknown operand" if tool is Tool.BUSYBOX else f"{operator}: unexpected operator"


def is_integer(word: str) -> bool:
    """True for a number as ``-eq`` takes it."""
    return bool(_INTEGER.fullmatch(word))


def _not_integer(tool: Tool, word: str) -> str:
    match tool:
        case Tool.BASH:
            return f"{word}: integer expression expected"
        case Tool.BUSYBOX:
            return f"{word}: bad number"
        case _:
            return f"Illegal number: {word}"
