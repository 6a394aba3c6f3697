"""``$((…))`` and ``((…))`` of numbers and variables: sums, products and comparisons. Anything else is unknown."""

from __future__ import annotations

import re

from weighbridge.domain.start.scripts.state import State

_TOKEN = re.compile(r"\s*(?:([0-9]+)|\$?\{?(#|[A-Za-z_][A-Za-z0-9_]*)\}?|(==|!=|<=|>=|&&|\|\||[-+*/%()<>!]))")
_MAX_CHARACTERS = 200
_LEVELS = (("||",), ("&&",), ("==", "!="), ("<", ">", "<=", ">="), ("+", "-"), ("*", "/", "%"))


class _UnknownError(Exception):
    """The value is unknown."""


def evaluate(text: str, state: State) -> int | None:
    """The value of an expression; None if only the running script knows it."""
    if len(text) > _MAX_CHARACTERS:
        return None
    try:
        tokens = _tokens(text, state)
        value = _level(tokens, 0)
    except (_UnknownError, ZeroDivisionError):
        return None
    return value if not tokens else None


def _tokens(text: str, state: State) -> list[int | str]:
    tokens: list[int | str] = []
    position = 0
    stripped = text.rstrip()
    while position < len(stripped):
        match = _TOKEN.match(stripped, position)
        if match is None:
            raise _UnknownError
        position = match.end()
        number, name, sign = match.groups()
        if number is not None:
            tokens.append(int(number))
        elif name == "#":
            if state.arguments is None:
                raise _UnknownError
            tokens.append(len(state.arguments))
        elif name is not None:
            value = state.variables.get(name, None if state.is_open else "0")
            if not isinstance(value, str) or not re.fullmatch(r"-?[0-9]{1,18}|", value):
                raise _UnknownError
            tokens.append(int(value or "0"))
        else:
            tokens.append(sign)
    tokens.reverse()
    return tokens


def _level(tokens: list[int | str], level: int) -> int:
    if level == len(_LEVELS):
        return _primary(tokens)
    value = _level(tokens, level + 1)
    while tokens and tokens[-1] in _LEVELS[level]:
        operator = tokens.pop()
        value = _apply(str(operator), value, _level(tokens, level + 1))
    return value


def _primary(tokens: list[int | str]) -> int:
    if not tokens:
        raise _UnknownError
    sign = tokens.pop()
    if isinstance(sign, int):
        return sign
    if sign == "(":
        value = _level(tokens, 0)
        if not tokens or tokens.pop() != ")":
            raise _UnknownError
        return value
    if sign in {"-", "!", "+"}:
        value = _primary(tokens)
        return -value if sign == "-" else value if sign == "+" else int(not value)
    raise _UnknownError


def _apply(operator: str, left: int, right: int) -> int:
    match operator:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            if abs(left) > 2**63 or abs(right) > 2**63:
                raise _UnknownError
            return left * right
        case "/":
            return int(left / right)
        case "%":
            return left - int(left / right) * right
        case "&&":
            return int(bool(left) and bool(right))
        case "||":
            return int(bool(left) or bool(right))
        case _:
            return int(
                {
                    "==": left == right,
                    "!=": left != right,
                    "<": left < right,
                    ">": left > right,
                    "<=": left <= right,
                    ">=": left >= right,
                }[operator]
            )
