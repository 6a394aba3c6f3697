"""The words of the shell language: quotes, expansions and substitutions (POSIX XCU 2.2 and 2.6)."""

from __future__ import annotations

import abc
import functools
import re

from weighbridge.domain.shell.syntax import (
    ArithmeticExpansion,
    CommandSubstitution,
    Dialect,
    Literal,
    Parameter,
    Part,
    PatternList,
    ProcessSubstitution,
    Script,
    SyntaxFault,
    Word,
)

MAX_DEPTH = 40
"""Maximum nesting of commands and substitutions; scripts of real images stay below ten."""
REDIRECTION = "redirection"
"""The token of a fault for a misplaced redirection."""
FOR_VARIABLE = "for variable"
"""The token of a fault for ``for ((`` in a shell without it."""
ARITHMETIC_END = "))"
"""The token of a fault for ``$((`` without its end, which dash and busybox notice at the end of the text."""
FUNCTION_NAME = "function name"
"""The token of a fault for a function name that the shell refuses."""
METACHARACTERS = frozenset(" \t\n;&|<>()")
_LIST_ENDS = frozenset("|()")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PARAMETER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9]+|[@*#?$!-]")
_OPERATOR = re.compile(r":[-=?+]|[-=?+]|%%|%|##|#|//|/#|/%|/|\^\^|\^|,,|,|:|@")
_C_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "e": "\x1b", "f": "\f", "v": "\v"}


@functools.cache
def _plain_text(ends: frozenset[str]) -> re.Pattern[str]:
    """Characters that neither end a word nor quote or compute anything."""
    special = re.escape("".join(sorted(ends)) + "'\"\\$`")
    return re.compile(f"[^{special}]*")


class ShellSyntaxError(Exception):
    """The text is not a valid script from here on."""

    def __init__(self, fault: SyntaxFault) -> None:
        super().__init__(fault)
        self.fault = fault


class WordReader(abc.ABC):
    """Reads words at `position` of `text`."""

    def __init__(self, text: str, dialect: Dialect, *, line: int = 1, depth: int = 0) -> None:
        self.text = text
        self.dialect = dialect
        self.position = 0
        self.line = line
        self.depth = depth
        # bash reads pattern lists after `shopt -s extglob`; which lines run after it is not followed.
        self.has_pattern_lists = dialect is Dialect.BASH and "extglob" in text

    @abc.abstractmethod
    def substituted(self) -> Script:
        """The commands up to the ``)`` that ends a substitution; the position is then after it."""

    @abc.abstractmethod
    def nested(self, text: str) -> Script:
        """The commands of a text inside this one (backquotes)."""

    @abc.abstractmethod
    def quoted_text(self, text: str, line: int) -> Word:
        """A text with the expansions that double quotes allow, which begins on `line`."""

    def peek(self, length: int = 1) -> str:
        """The next characters, fewer at the end."""
        return self.text[self.position : self.position + length]

    def take(self, length: int = 1) -> str:
        """Consume the next characters."""
        taken = self.text[self.position : self.position + length]
        self.position += len(taken)
        self.line += taken.count("\n")
        return taken

    def fail(self, token: str = "", expected: str = "") -> ShellSyntaxError:
        """The error for an unexpected token at the position."""
        return ShellSyntaxError(SyntaxFault(token=token, line=self.line, expected=expected))

    def deeper(self) -> None:
        """Go one level down; raises if the nesting limit is exceeded."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise ShellSyntaxError(SyntaxFault(token="", line=self.line, is_limit=True))

    def word(
        self, ends: frozenset[str] = METACHARACTERS, *, is_quoted: bool = False, has_lists: bool | None = None
    ) -> Word:
        """The word at the position, up to an unquoted character of `ends`.

        `is_quoted` reads as between double quotes. `has_lists` overrides `has_pattern_lists`.
        """
        lists = not is_quoted and (self.has_pattern_lists if has_lists is None else has_lists)
        start, line = self.position, self.line
        plain = _plain_text(ends).match(self.text, start)
        if (
            plain is not None
            and (end := plain.end()) > start
            and (end == len(self.text) or (self.text[end] in ends and not (lists and self._begins_list(end))))
        ):
            # Most words are plain.
            self.position = end
            source = plain.group()
            part = Literal(text=source, is_quoted=is_quoted)
            self.line += source.count("\n") if is_quoted else 0
            return Word(parts=(part,), source=source, start=start, end=end, line=line)
        parts: list[Part] = []
        while character := self.peek():
            if lists and parts and self._begins_list(self.position):
                parts.append(self._pattern_list())
            elif character in ends:
                break
            elif character == "'" and not is_quoted:
                self.take()
                end = self.text.find("'", self.position)
                if end < 0:
                    raise self.fail(expected="'")
                parts.append(Literal(text=self.take(end - self.position), is_quoted=True))
                self.take()
            elif character == '"' and (not is_quoted or "}" in ends):
                self.take()
                inner = self.word(frozenset('"'), is_quoted=True)
                if self.take() != '"':
                    raise self.fail(expected='"')
                parts.extend(inner.parts or (Literal(text="", is_quoted=True),))
            elif character == "\\":
                self._escape(parts, is_quoted=is_quoted)
            elif character == "$":
                self._dollar(parts, is_quoted=is_quoted)
            elif character == "`":
                parts.append(self._backquoted(is_quoted=is_quoted))
            else:
                parts.append(Literal(text=self._plain(ends), is_quoted=is_quoted))
        return Word(
            parts=_joined(parts), source=self.text[start : self.position], start=start, end=self.position, line=line
        )

    def _begins_list(self, position: int) -> bool:
        return self.text[position] == "(" and self.text[position - 1] in "?*+@!"

    def _pattern_list(self) -> PatternList:
        """Read ``(…)``: words, blanks and nested lists up to the closing parenthesis."""
        start = self.position
        self.deeper()
        self.take()
        while (character := self.peek()) != ")":
            if not character:
                raise self.fail(expected=")")
            if character in _LIST_ENDS:
                self.take()
            else:
                self.word(_LIST_ENDS, has_lists=True)
        self.take()
        self.depth -= 1
        return PatternList(source=self.text[start : self.position])

    def _plain(self, ends: frozenset[str]) -> str:
        match = _plain_text(ends).match(self.text, self.position + 1)
        return self.take((match.end() if match is not None else self.position + 1) - self.position)

    def _escape(self, parts: list[Part], *, is_quoted: bool) -> None:
        self.take()
        following = self.take()
        if following == "\n":
            return
        if is_quoted and following not in '$`"\\':
            parts.append(Literal(text="\\" + following, is_quoted=True))
        else:
            parts.append(Literal(text=following or "\\", is_quoted=True))

    def _dollar(self, parts: list[Part], *, is_quoted: bool) -> None:
        following = self.peek(3)[1:]
        if following[:1] == "(":
            parts.append(self._parenthesis(is_quoted=is_quoted))
        elif following[:1] == "{":
            parts.append(self._braced(is_quoted=is_quoted))
        elif following[:1] == "'" and not is_quoted and self.dialect is not Dialect.POSIX:
            parts.append(Literal(text=self._c_string(), is_quoted=True))
        elif following[:1] == '"' and not is_quoted and self.dialect is Dialect.BASH:
            self.take()
        elif match := _PARAMETER.match(self.text, self.position + 1):
            # An unbraced positional parameter has only one digit.
            name = match.group()[:1] if match.group().isdigit() else match.group()
            self.take(1 + len(name))
            parts.append(Parameter(name=name, is_quoted=is_quoted))
        else:
            parts.append(Literal(text=self.take(), is_quoted=is_quoted))

    def _c_string(self) -> str:
        self.take(2)
        text: list[str] = []
        while (character := self.take()) != "'":
            if not character:
                raise self.fail(expected="'")
            if character == "\\":
                following = self.take()
                character = _C_ESCAPES.get(following, following if following in "'\"\\?" else "\\" + following)
            text.append(character)
        return "".join(text)

    def _parenthesis(self, *, is_quoted: bool) -> Part:
        if self.peek(3) == "$((":
            end = self._end_of_arithmetic(self.position + 3)
            if end is not None:
                self.take(3)
                line = self.line
                expression = self.quoted_text(self.take(end - self.position), line)
                self.take(2)
                return ArithmeticExpansion(expression=expression, is_quoted=is_quoted)
            if self.dialect is not Dialect.BASH:
                self.take(len(self.text))
                raise self.fail(ARITHMETIC_END)
        self.take(2)
        return CommandSubstitution(script=self.substituted(), is_quoted=is_quoted)

    def _end_of_arithmetic(self, start: int) -> int | None:
        """The position of the ``))`` that ends an expression; None if a single ``)`` ends it first."""
        depth = 0
        for position in range(start, len(self.text)):
            character = self.text[position]
            if character == "(":
                depth += 1
            elif character == ")":
                if depth == 0:
                    return position if self.text.startswith("))", position) else None
                depth -= 1
        return None

    def process_substitution(self) -> Word:
        """``<(…)`` or ``>(…)``."""
        start, line = self.position, self.line
        self.take(2)
        part = ProcessSubstitution(script=self.substituted())
        return Word(parts=(part,), source=self.text[start : self.position], start=start, end=self.position, line=line)

    def _backquoted(self, *, is_quoted: bool) -> Part:
        self.take()
        text: list[str] = []
        while (character := self.take()) != "`":
            if not character:
                raise self.fail(expected="`")
            if character == "\\" and self.peek() in {"`", "\\", "$"}:
                character = self.take()
            text.append(character)
        return CommandSubstitution(script=self.nested("".join(text)), is_quoted=is_quoted)

    def _braced(self, *, is_quoted: bool) -> Part:
        self.take(2)
        is_length = is_indirect = False
        if self.peek() == "#" and self.peek(2) != "#}" and _PARAMETER.match(self.text, self.position + 1):
            is_length = bool(self.take())
        elif self.peek() == "!" and _NAME.match(self.text, self.position + 1):
            is_indirect = bool(self.take())
        match = _PARAMETER.match(self.text, self.position)
        if match is None:
            return self._unknown_braced(is_quoted=is_quoted)
        name = self.take(len(match.group()))
        subscript = None
        if self.peek() == "[" and self.dialect is Dialect.BASH:
            end = self.text.find("]", self.position)
            if end < 0:
                raise self.fail(expected="}")
            subscript = self.take(end + 1 - self.position)[1:-1]
        operator = ""
        argument = None
        if self.peek() != "}":
            found = _OPERATOR.match(self.text, self.position)
            if found is None:
                return self._unknown_braced(is_quoted=is_quoted)
            operator = self.take(len(found.group()))
            self.deeper()
            # The word of a pattern keeps its own quotes, also between double quotes (POSIX XCU 2.6.2).
            argument = self.word(frozenset("}"), is_quoted=is_quoted and operator[0] not in "%#/^,")
            self.depth -= 1
        if self.take() != "}":
            raise self.fail(expected="}")
        return Parameter(
            name=name,
            is_quoted=is_quoted,
            operator=operator,
            argument=argument,
            subscript=subscript,
            is_length=is_length,
            is_indirect=is_indirect,
        )

    def _unknown_braced(self, *, is_quoted: bool) -> Part:
        """``${…}`` with unsupported content: becomes a name that never has a known value."""
        end = self.text.find("}", self.position)
        if end < 0:
            raise self.fail(expected="}")
        self.take(end + 1 - self.position)
        return Parameter(name="", is_quoted=is_quoted, operator="bad")


def _joined(parts: list[Part]) -> tuple[Part, ...]:
    """Merge adjacent literals of the same kind."""
    joined: list[Part] = []
    for part in parts:
        last = joined[-1] if joined else None
        if isinstance(part, Literal) and isinstance(last, Literal) and part.is_quoted == last.is_quoted:
            joined[-1] = Literal(text=last.text + part.text, is_quoted=part.is_quoted)
        else:
            joined.append(part)
    return tuple(joined)
