"""Expands words to fields: parameters, substitutions, splitting and file names (POSIX XCU 2.6)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from weighbridge.domain.image.rootfs import Rootfs
from weighbridge.domain.shell.syntax import (
    ArithmeticExpansion,
    CommandSubstitution,
    Dialect,
    Literal,
    Parameter,
    ProcessSubstitution,
    Script,
    Word,
)
from weighbridge.domain.start.scripts.arithmetic import ArithmeticFaultError, Fault, assigned_names, evaluate
from weighbridge.domain.start.scripts.parameter_values import ParameterValues
from weighbridge.domain.start.scripts.patterns import Piece, expression, file_names, is_pattern, matches, trimmed
from weighbridge.domain.start.scripts.state import State, Value

Fields = tuple[str | None, ...] | None
"""Fields of a command; None for an unknown field, None for all if their number is unknown."""

MAX_FIELDS = 1000
MANY = "\0*"
"""A field of `Expander.fields` that represents any number of unknown fields."""
_BRACES = re.compile(r"\{[^{}\s]*(?:,|\.\.)")
_ONE_LIST = re.compile(r"([\w./@%+:-]*)\{([\w./@%+:,-]*,[\w./@%+:,-]*)\}([\w./@%+:-]*)")
_SLICE = re.compile(r"\s*(-?[0-9]+)\s*(?::\s*(-?[0-9]+)\s*)?")


class ExpansionError(Exception):
    """The shell ends a command here: ``${name:?text}``, ``set -u``, or an invalid expansion.

    `message` follows the line number, unless it `is_bare`. `ends_line` means that bash drops the rest of the line, and
    continues with the next one.
    """

    def __init__(self, message: str, name: str, *, is_bare: bool = False, ends_line: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.name = name
        self.is_bare = is_bare
        self.ends_line = ends_line


@dataclass(frozen=True, kw_only=True, slots=True)
class Expander(ParameterValues):
    """Expands words in a state, which ``:=`` and substitutions change."""

    rootfs: Rootfs
    substitute: Callable[[State, Script], str | None]

    def fields(self, state: State, words: tuple[Word, ...]) -> Fields:
        """All fields of `words`, in order."""
        result: list[str | None] = []
        for word in words:
            more = self._fields_of(state, word)
            if (more is None and not result) or len(result) + len(more or ()) > MAX_FIELDS:
                return None
            result.extend((MANY,) if more is None else more)
        return tuple(result)

    def text(self, state: State, word: Word) -> str | None:
        """One field without splitting, as in an assignment."""
        pieces = self.pieces(state, word)
        return None if pieces is None else "".join(text for text, _ in pieces)

    def pieces(self, state: State, word: Word) -> tuple[Piece, ...] | None:
        """The word's text with its quoting, without splitting: a pattern, or one field."""
        pieces: list[Piece] = []
        for part in word.parts:
            if isinstance(part, Literal):
                text: str | None = part.text
                if not part.is_quoted and not pieces and part.text.startswith("~"):
                    text = self._tilde(state, part.text)
                quoted = part.is_quoted
            else:
                values = self._values(state, part)
                text = self._joined(state, part, values)
                quoted = getattr(part, "is_quoted", False)
            if text is None:
                return None
            pieces.append((text, quoted))
        return tuple(pieces)

    def _joined(self, state: State, part: object, values: tuple[str | None, ...] | None) -> str | None:
        """Values as one text: ``$*`` puts the first character of IFS between them (POSIX XCU 2.5.2).

        So does ``$@`` outside of bash, where it cannot be several fields.
        """
        if values is None or None in values:
            return None
        between: Value = " "
        if isinstance(part, Parameter) and ("*" in {part.name, part.subscript} or self.dialect is not Dialect.BASH):
            between = state.variables.get("IFS", " ")
        if len(values) > 1 and not isinstance(between, str):
            return None
        return str(between or "")[:1].join(value or "" for value in values)

    def _tilde(self, state: State, text: str) -> str | None:
        if text == "~" or text.startswith("~/"):
            home = state.variables.get("HOME")
            return home + text[1:] if isinstance(home, str) else None
        return None if re.match(r"~[A-Za-z_+-]", text) else text

    def _fields_of(self, state: State, word: Word) -> Fields:
        """The fields of one word: splits unquoted expansions at blanks, and expands patterns to file names."""
        braced = self._braces(word)
        if braced is not None:
            return braced or None
        fields: list[list[Piece] | None] = [[]]
        open_field = bool(word.parts) and any(
            isinstance(part, Literal) and (part.is_quoted or part.text) for part in word.parts
        )
        for part in word.parts:
            if isinstance(part, Literal):
                text = part.text if part.is_quoted or fields != [[]] else self._tilde(state, part.text)
                self._append(fields, None if text is None else (text, part.is_quoted))
                continue
            values = self._values(state, part)
            if values is None:
                return None
            is_list = isinstance(part, Parameter) and (part.name == "@" or part.subscript == "@")
            if getattr(part, "is_quoted", False):
                if is_list and not values:
                    continue
                open_field = True
                if not is_list:
                    whole = self._joined(state, part, values)
                    self._append(fields, None if whole is None else (whole, True))
                    continue
                for number, value in enumerate(values):
                    if number:
                        fields.append([])
                    self._append(fields, None if value is None else (value, True))
                continue
            if values == (None,) and len(word.parts) == 1 and getattr(part, "name", "") in {"?", "#", "$", "!", "UID"}:
                return values
            if any(value is None for value in values):
                # The number of fields of an unknown text is unknown, unless the word is only that text.
                return None
            separators = state.variables.get("IFS", " \t\n")
            if not isinstance(separators, str):
                return None
            self._split(fields, [value or "" for value in values], separators)
        if len(fields) > 1 and fields[-1] == []:
            fields.pop()
        if fields == [[]] and not open_field:
            return ()
        return self._named_files(state, fields)

    def _braces(self, word: Word) -> tuple[str, ...] | None:
        """``a{b,c}d`` of bash as several words; empty if only bash can expand it, None for a word without braces."""
        if self.dialect is not Dialect.BASH:
            return None
        unquoted = [part.text for part in word.parts if isinstance(part, Literal) and not part.is_quoted]
        if not any("{" in text and _BRACES.search(text) for text in unquoted):
            return None
        match = _ONE_LIST.fullmatch(word.source) if len(word.parts) == 1 and len(unquoted) == 1 else None
        if match is None:
            return ()
        before, inner, after = match.groups()
        return tuple(f"{before}{each}{after}" for each in inner.split(","))

    @staticmethod
    def _append(fields: list[list[Piece] | None], piece: Piece | None) -> None:
        last = fields[-1]
        if piece is None or last is None:
            fields[-1] = None
        else:
            last.append(piece)

    def _split(self, fields: list[list[Piece] | None], values: list[str], separators: str) -> None:
        """Field splitting (POSIX XCU 2.6.5): blanks of IFS end a field together, each other character of it ends one.

        The last field stays empty behind a separator: what follows in the word begins it.
        """
        blanks = re.escape("".join(one for one in separators if one in " \t\n") or "\0")
        every = f"[{re.escape(separators)}]" if separators else "(?!)"
        token = re.compile(f"((?:(?!{every}).)+)|([{blanks}]*{every}[{blanks}]*)", re.DOTALL)
        for number, value in enumerate(values):
            if number and fields[-1] != []:
                fields.append([])
            for text, separator in token.findall(value):
                if text:
                    self._append(fields, (text, False))
                    continue
                if fields[-1] == [] and separator.strip(" \t\n"):
                    fields[-1] = [("", False)]
                if fields[-1] != []:
                    fields.append([])

    def _named_files(self, state: State, fields: list[list[Piece] | None]) -> Fields:
        result: list[str | None] = []
        for field in fields:
            if field is None:
                result.append(None)
                continue
            text = "".join(piece for piece, _ in field)
            if not is_pattern(tuple(field)):
                result.append(text)
                continue
            if text in {"[", "[["} or state.file_patterns == "noglob":
                result.append(text)
                continue
            if state.directory is None and not text.startswith("/"):
                return None
            if any(text.startswith(place) for place in ("/proc", "/sys", "/dev", "/run", "/tmp")):  # noqa: S108
                return None
            if state.file_patterns is None:
                return None
            names = file_names(self.rootfs, tuple(field), state.directory or "/")
            if not names and state.touched:
                return None
            result.extend(names or (() if state.file_patterns == "nullglob" else (text,)))
        return tuple(result)

    # The values of one part.

    def _values(self, state: State, part: object) -> tuple[str | None, ...] | None:
        """The texts of a part; several for ``$@`` and arrays, None if their number is unknown."""
        if isinstance(part, Parameter):
            return self._parameter(state, part)
        if isinstance(part, CommandSubstitution):
            return (self.substitute(state, part.script),)
        if isinstance(part, ArithmeticExpansion):
            number = self.arithmetic(state, part.expression)
            return (None if number is None else str(number),)
        return ("/dev/fd/63",) if isinstance(part, ProcessSubstitution) else None

    def arithmetic(self, state: State, expression: Word) -> int | None:
        """The value of an arithmetic expression, whose assignments change the state; None if it is unknown."""
        text = self.text(state, expression)
        try:
            number = evaluate(text, state, self.dialect)
        except ArithmeticFaultError as error:
            message = error.message(self.dialect)
            if error.fault is Fault.UNSET:
                raise ExpansionError(message, error.text) from None
            raise ExpansionError(message, "", ends_line=self.dialect is Dialect.BASH) from None
        if number is None:
            for name in assigned_names(expression.source if text is None else text):
                state.set(name, None)
        return number

    def _parameter(self, state: State, part: Parameter) -> tuple[str | None, ...] | None:
        if part.name in {"@", "*"} or part.subscript in {"@", "*"}:
            return self._list(state, part)
        value, is_set = self.value(state, part.name, part.subscript)
        if part.is_indirect and self.dialect is not Dialect.BASH:
            raise _bad_substitution(self.dialect)
        if part.is_indirect:
            if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*|[0-9]+", value):
                return (None,)
            value, is_set = self.value(state, value, None)
        if isinstance(value, tuple):
            value = value[0] if value else ""
        if part.is_length:
            return (None if value is None else str(len(value)),)
        return (self._with_operator(state, part, value, is_set=is_set),)

    def _list(self, state: State, part: Parameter) -> tuple[str | None, ...] | None:
        if part.subscript in {"@", "*"}:
            value, is_set = self.value(state, part.name, None)
            values: tuple[str | None, ...] | None
            if part.is_indirect:
                return None
            if not is_set:
                values = ()
            else:
                values = value if isinstance(value, tuple) else (value,)
                if value is None:
                    return None
        else:
            values = state.arguments
        if values is None:
            return None
        if part.is_length:
            return (str(len(values)),)
        operator = part.operator
        if operator == ":" and part.argument is not None:
            whole = (self.name, *values) if part.subscript is None else values
            bounds = _SLICE.fullmatch(self.text(state, part.argument) or "?")
            if bounds is None:
                return None
            start = int(bounds[1])
            if start < 0 or (bounds[2] or "0").startswith("-"):
                return None
            return whole[start : start + int(bounds[2])] if bounds[2] else whole[start:]
        if operator in {"-", ":-", "+", ":+", "?", ":?"}:
            is_empty = not values or (operator.startswith(":") and values == ("",))
            if operator.endswith("+"):
                return () if is_empty else self._default(state, part)
            if is_empty and operator.endswith("-"):
                return self._default(state, part)
            return values if not is_empty else (None,)
        if operator:
            return tuple(self._with_operator(state, part, value, is_set=True) for value in values)
        return values

    def _default(self, state: State, part: Parameter) -> tuple[str | None, ...] | None:
        """The word after an operator, as fields: ``${@:-a b}``, ``${name[@]+"${name[@]}"}``."""
        return () if part.argument is None else self.fields(state, (part.argument,))

    # Operators.

    def _with_operator(self, state: State, part: Parameter, value: Value, *, is_set: bool) -> str | None:
        text = value if not isinstance(value, tuple) else None
        operator = part.operator
        if not operator:
            if not is_set:
                state.asked = (*state.asked, part.name)[-20:]
                if state.stops_at_unset:
                    shown = f"${part.name}" if self.dialect is Dialect.BASH and part.name.isdecimal() else part.name
                    what = "unbound variable" if self.dialect is Dialect.BASH else "parameter not set"
                    raise ExpansionError(f"{shown}: {what}", part.name)
            return text
        if operator.lstrip(":") in {"-", "=", "+", "?"}:
            return self._defaulted(state, part, text, is_set=is_set)
        posix, ash = self.dialect is Dialect.POSIX, self.dialect is Dialect.ASH
        if (posix and operator[0] not in "#%") or (ash and (operator[0] in "^," or operator == "bad")):
            raise _bad_substitution(self.dialect)
        if operator == "bad" or text is None:
            return None
        if not is_set:
            state.asked = (*state.asked, part.name)[-20:]
        return self._edited(state, part, text)

    def _defaulted(self, state: State, part: Parameter, text: str | None, *, is_set: bool) -> str | None:
        kind, colon = part.operator[-1], part.operator.startswith(":")
        if text is None:
            return None
        wants = not is_set or (colon and not text)
        if wants:
            state.asked = (*state.asked, part.name)[-20:]
        argument = part.argument
        if kind == "+":
            return "" if wants else ("" if argument is None else self.text(state, argument))
        if not wants:
            return text
        given = "" if argument is None else self.text(state, argument)
        if kind == "?":
            if argument is None or not argument.parts:
                empty = "parameter null or not set" if self.dialect is Dialect.BASH else "parameter not set or null"
                given = empty if colon else "parameter not set"
            raise ExpansionError(f"{part.name}: {given or ''}".strip(), part.name)
        if kind == "=":
            state.set(part.name, given)
        return given

    def _edited(self, state: State, part: Parameter, text: str) -> str | None:
        argument = part.argument
        if argument is None:
            return text
        operator = part.operator
        if operator in {"#", "##", "%", "%%"}:
            pattern = self.pieces(state, argument)
            if pattern is None:
                return None
            return trimmed(text, pattern, suffix=operator[0] == "%", longest=len(operator) == 2)
        if operator in {"^^", ",,", "^", ","} and not argument.parts:
            if len(operator) == 2:
                return text.upper() if operator == "^^" else text.lower()
            return (text[:1].upper() if operator == "^" else text[:1].lower()) + text[1:]
        if operator == ":":
            bounds = _SLICE.fullmatch(self.text(state, argument) or "?")
            if bounds is None:
                return None
            start = int(bounds[1])
            start = max(len(text) + start, 0) if start < 0 else start
            if bounds[2] is None:
                return text[start:]
            length = int(bounds[2])
            return text[start : start + length] if length >= 0 else text[start : len(text) + length]
        if operator in {"/", "//"}:
            return self._replaced(state, argument, text, everywhere=operator == "//")
        return None

    def _replaced(self, state: State, argument: Word, text: str, *, everywhere: bool) -> str | None:
        pieces = self.pieces(state, argument)
        if pieces is None or len(text) > 4096:
            return None
        flat = [(character, quoted) for piece, quoted in pieces for character in piece]
        slash = next(
            (at for at, (character, quoted) in enumerate(flat) if character == "/" and not quoted and at), None
        )
        pattern = tuple(flat if slash is None else flat[:slash])
        replacement = "" if slash is None else "".join(character for character, _ in flat[slash + 1 :])
        if not pattern:
            return text
        return expression(pattern).sub(lambda _match: replacement, text, count=0 if everywhere else 1)


def _bad_substitution(dialect: Dialect) -> ExpansionError:
    # busybox detects it when it reads the line, and counts the line as read.
    if dialect is Dialect.ASH:
        return ExpansionError("syntax error: bad substitution", "", is_bare=True)
    return ExpansionError("Bad substitution", "")


def fits(text: str | None, pattern: tuple[Piece, ...] | None) -> bool | None:
    """Whether a text matches a pattern; None if one of them is unknown."""
    if pattern is not None and all(set(piece) == {"*"} and not quoted for piece, quoted in pattern) and pattern:
        return True
    if text is None or pattern is None:
        return None
    return matches(text, pattern)
