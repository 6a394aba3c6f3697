"""``$((…))`` and ``((…))``: the integer arithmetic of shells (POSIX XCU 2.6.4, Bash Reference Manual 6.5).

The caller expands parameters and substitutions first. Assignments change the variables of the state.
"""

from __future__ import annotations

import enum
import re

from weighbridge.domain.shell import Dialect
from weighbridge.domain.start.scripts.state import State

_TOKEN = re.compile(
    r"\s*(?:(0[xX][0-9a-fA-F]+|[0-9]+)(?![\w#@])|([A-Za-z_][A-Za-z0-9_]*)(?!\[)"
    r"|(<<=|>>=|\*\*|\+\+|--|&&|\|\||==|!=|<=|>=|<<|>>|[-+*/%&^|]=|[-+*/%()<>!~&|^?:=,]))"
)
_NUMBER = re.compile(r"\s*[+-]?(?:0[xX][0-9a-fA-F]+|[0-9]+)\s*")
_MAX_CHARACTERS = 200
_MAX_DEPTH = 40
_MAX_VALUE = 2**62
_ASSIGNED = re.compile(r"([A-Za-z_]\w*)\s*(?:(?:[-+*/%&|^]|<<|>>)?=(?!=)|\+\+|--)|(?:\+\+|--)\s*([A-Za-z_]\w*)")
_ASSIGNS = frozenset({"=", "+=", "-=", "*=", "/=", "%=", "<<=", ">>=", "&=", "^=", "|="})
_LEVELS: tuple[frozenset[str], ...] = (
    frozenset({"||"}),
    frozenset({"&&"}),
    frozenset({"|"}),
    frozenset({"^"}),
    frozenset({"&"}),
    frozenset({"==", "!="}),
    frozenset({"<", ">", "<=", ">="}),
    frozenset({"<<", ">>"}),
    frozenset({"+", "-"}),
    frozenset({"*", "/", "%"}),
)
"""Binary operators that associate to the left, in the order of their precedence."""


class Fault(enum.StrEnum):
    """Why a shell refuses an expression. The values are dash's words."""

    NO_OPERAND = "expecting primary"
    MORE_TEXT = "expecting EOF"
    DIVISION = "division by zero"
    NUMBER = "Illegal number"
    UNSET = "unbound variable"


class ArithmeticFaultError(Exception):
    """The shell certainly refuses the expression."""

    def __init__(self, text: str, fault: Fault) -> None:
        super().__init__(text)
        self.text = text
        self.fault = fault

    def message(self, dialect: Dialect) -> str:
        """The shell's words, which follow its name and the line."""
        if self.fault is Fault.UNSET:
            return f"{self.text}: {self.fault}"
        match dialect:
            case Dialect.POSIX:
                if self.fault is Fault.NUMBER:
                    return f"{self.fault}: {self.text}"
                return f'arithmetic expression: {self.fault}: "{self.text}"'
            case Dialect.ASH:
                return "divide by zero" if self.fault is Fault.DIVISION else "arithmetic syntax error"
            case Dialect.BASH:
                said = {
                    Fault.NO_OPERAND: "syntax error: operand expected",
                    Fault.MORE_TEXT: "syntax error in expression",
                    Fault.DIVISION: "division by 0",
                    Fault.NUMBER: "value too great for base",
                }[self.fault]
                return f"{self.text.lstrip()}: {said}"


class _UnknownError(Exception):
    """The value is unknown."""


def evaluate(text: str | None, state: State, dialect: Dialect) -> int | None:
    """The value of an expanded expression; None if only the running script knows it.

    Raises `ArithmeticFaultError` if the shell refuses the expression.
    """
    if text is None or len(text) > _MAX_CHARACTERS:
        return None
    if not text.strip():
        if dialect is Dialect.POSIX:
            raise ArithmeticFaultError(text, Fault.NO_OPERAND)
        return 0
    try:
        return _Reader(text, state, dialect).whole()
    except _UnknownError:
        return None


def assigned_names(text: str) -> frozenset[str]:
    """The variables that an expression may change."""
    return frozenset(first or second for first, second in _ASSIGNED.findall(text[:_MAX_CHARACTERS]))


class _Reader:
    """Reads an expression by recursive descent, and computes while it reads."""

    def __init__(self, text: str, state: State, dialect: Dialect) -> None:
        self.text, self.state, self.dialect = text, state, dialect
        self.tokens: list[int | str] = []
        self.names: list[bool] = []
        self.place = 0
        self.depth = 0
        self.runs = True
        """False inside an operand that the operator before it skips."""
        self._split()

    def _split(self) -> None:
        position, stripped = 0, self.text.rstrip()
        while position < len(stripped):
            match = _TOKEN.match(stripped, position)
            if match is None:
                raise _UnknownError
            position = match.end()
            number, name, sign = match.groups()
            if self.dialect is Dialect.POSIX and sign in {"++", "--", "**"}:
                # dash reads two signs.
                position, sign = position - 1, sign[0]
            self.names.append(name is not None)
            self.tokens.append(_number(number) if number is not None else name or sign)

    def _fails(self, fault: Fault) -> ArithmeticFaultError:
        return ArithmeticFaultError(self.text, fault)

    def _peek(self) -> int | str | None:
        return self.tokens[self.place] if self.place < len(self.tokens) else None

    def _is_name(self, place: int) -> bool:
        return place < len(self.names) and self.names[place]

    def _accept(self, *signs: str) -> str:
        token = self._peek()
        if isinstance(token, str) and token in signs and not self._is_name(self.place):
            self.place += 1
            return token
        return ""

    def whole(self) -> int:
        """The value of everything."""
        value = self._assignment()
        while self.dialect is not Dialect.POSIX and self._accept(","):
            value = self._assignment()
        if self._peek() is not None:
            raise self._fails(Fault.MORE_TEXT)
        return value

    def _assignment(self) -> int:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise _UnknownError
        following = self.tokens[self.place + 1] if self.place + 1 < len(self.tokens) else None
        if self._is_name(self.place) and following in _ASSIGNS:
            name = str(self._peek())
            self.place += 2
            value = self._assignment()
            if following != "=":
                value = self._apply(str(following)[:-1], self._variable(name), value)
            self._set(name, value)
        else:
            value = self._choice()
        self.depth -= 1
        return value

    def _choice(self) -> int:
        value = self._level(0)
        if not self._accept("?"):
            return value
        first = self._operand(skip=not value)
        if not self._accept(":"):
            raise _UnknownError
        second = self._operand(skip=bool(value))
        return first if value else second

    def _operand(self, *, skip: bool) -> int:
        """The operand of ``?:``, read without effect if the condition skips it."""
        runs, self.runs = self.runs, self.runs and not skip
        value = self._assignment()
        self.runs = runs
        return value

    def _level(self, level: int) -> int:
        if level == len(_LEVELS):
            return self._power()
        value = self._level(level + 1)
        while operator := self._accept(*_LEVELS[level]):
            skip = (operator == "||" and bool(value)) or (operator == "&&" and not value)
            runs, self.runs = self.runs, self.runs and not skip
            right = self._level(level + 1)
            self.runs = runs
            value = _within_limits(self._apply(operator, value, right))
        return value

    def _power(self) -> int:
        value = self._unary()
        if self.dialect is not Dialect.POSIX and self._accept("**"):
            exponent = self._power()
            if not 0 <= exponent <= 64 or abs(value) > 2**16:
                raise _UnknownError
            return _within_limits(value**exponent)
        return value

    def _unary(self) -> int:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise _UnknownError
        try:
            sign = self._accept("-", "+", "!", "~", "++", "--")
            if sign in {"++", "--"}:
                return self._step(sign)
            if sign:
                value = self._unary()
                return {"-": -value, "+": value, "!": int(not value), "~": ~value}[sign]
            return self._primary()
        finally:
            self.depth -= 1

    def _step(self, sign: str) -> int:
        """``++name``."""
        if not self._is_name(self.place):
            return self._unary()
        name = str(self.tokens[self.place])
        self.place += 1
        value = self._variable(name) + (1 if sign == "++" else -1)
        self._set(name, value)
        return value

    def _primary(self) -> int:
        read = self._peek()
        if read is None:
            raise self._fails(Fault.NO_OPERAND)
        is_name = self._is_name(self.place)
        self.place += 1
        if isinstance(read, int):
            return read
        if is_name:
            value = self._variable(read)
            if sign := self._accept("++", "--"):
                self._set(read, value + (1 if sign == "++" else -1))
            return value
        if read != "(":
            raise self._fails(Fault.NO_OPERAND)
        value = self._assignment()
        if not self._accept(")"):
            raise _UnknownError
        return value

    def _variable(self, name: str) -> int:
        value = self.state.variables.get(name, None if self.state.is_open else "")
        if value is None or isinstance(value, tuple):
            raise _UnknownError
        if name not in self.state.variables and self.state.stops_at_unset and self.dialect is Dialect.BASH:
            raise ArithmeticFaultError(name, Fault.UNSET)
        text = value.strip()
        is_octal = text.lstrip("+-")[:1] == "0" and text.lstrip("+-0").isdecimal()
        if (self.dialect is Dialect.POSIX and text and not _NUMBER.fullmatch(text)) or (
            is_octal and not set(text.lstrip("+-")) <= set("01234567")
        ):
            raise ArithmeticFaultError(value, Fault.NUMBER)
        if text and not _NUMBER.fullmatch(text):
            raise _UnknownError
        return _number(text) if text else 0

    def _set(self, name: str, value: int) -> None:
        if self.runs:
            self.state.set(name, str(value))
        elif self.dialect is Dialect.ASH:
            raise _UnknownError  # busybox assigns also where the operator before skips the operand, in some releases.

    def _apply(self, operator: str, left: int, right: int) -> int:
        match operator:
            case "+" | "-" | "*":
                return left + right if operator == "+" else left - right if operator == "-" else left * right
            case "/" | "%":
                if right == 0:
                    if self.runs:
                        raise self._fails(Fault.DIVISION)
                    return 0
                quotient = abs(left) // abs(right) * (1 if (left < 0) is (right < 0) else -1)
                return quotient if operator == "/" else left - quotient * right
            case "<<" | ">>":
                if not 0 <= right < 62:
                    raise _UnknownError
                return left << right if operator == "<<" else left >> right
            case "&" | "|" | "^":
                return left & right if operator == "&" else left | right if operator == "|" else left ^ right
            case "&&":
                return int(bool(left) and bool(right))
            case "||":
                return int(bool(left) or bool(right))
        comparisons = {
            "==": left == right,
            "!=": left != right,
            "<": left < right,
            ">": left > right,
            "<=": left <= right,
            ">=": left >= right,
        }
        return int(comparisons[operator])


def _number(text: str) -> int:
    """A number as C reads it: hexadecimal after ``0x``, octal after ``0``. An invalid octal number is unknown."""
    if len(text) > 20:
        raise _UnknownError
    sign, digits = (text[:1], text[1:]) if text[:1] in "+-" else ("", text)
    try:
        is_hexadecimal, is_octal = digits[:2].lower() == "0x", len(digits) > 1 and digits.startswith("0")
        value = int(digits, 16 if is_hexadecimal else 8 if is_octal else 10)
    except ValueError as error:
        raise _UnknownError from error
    return _within_limits(-value if sign == "-" else value)


def _within_limits(value: int) -> int:
    """`value`; a value near the end of the shell's 64 bits is unknown, because the shells differ there."""
    if abs(value) > _MAX_VALUE:
        raise _UnknownError
    return value
