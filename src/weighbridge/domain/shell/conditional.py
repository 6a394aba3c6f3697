"""``[[ … ]]`` of bash (Bash Reference Manual 3.2.5.2, "Conditional Constructs")."""

from __future__ import annotations

from collections.abc import Callable

from weighbridge.domain.shell.lines import LineReader
from weighbridge.domain.shell.syntax import Conditional, Literal, TestExpression, Word

_UNARY = frozenset(f"-{letter}" for letter in "abcdefghknoprstuvwxzGLNORS")
_BINARY = frozenset({"=", "==", "!=", "=~", "<", ">", "-eq", "-ne", "-lt", "-le", "-gt", "-ge", "-nt", "-ot", "-ef"})
_PATTERN_TESTS = frozenset({"=", "==", "!="})
_TEST_ENDS = frozenset(" \t\n;&|()")
_REGULAR_ENDS = frozenset(" \t\n()")


class ConditionalReader(LineReader):
    """Reads conditional expressions."""

    def conditional(self, line: int) -> Conditional:
        """The whole expression, whose ``[[`` is at the position."""
        self.take(2)
        expression = self._test_or()
        self.skip_newlines()
        if self.peek(2) != "]]":
            raise self.fail(token=self.token(), expected="]]")
        self.take(2)
        return Conditional(expression=expression, line=line)

    def _test_or(self) -> TestExpression:
        return self._test_chain("||", self._test_and)

    def _test_and(self) -> TestExpression:
        return self._test_chain("&&", self._test_not)

    def _test_chain(self, operator: str, reader: Callable[[], TestExpression]) -> TestExpression:
        parts: list[TestExpression] = [reader()]
        while True:
            self.skip_newlines()
            if self.peek(2) != operator:
                return parts[0] if len(parts) == 1 else TestExpression(operator=operator, parts=tuple(parts))
            self.take(2)
            parts.append(reader())

    def _test_not(self) -> TestExpression:
        self.skip_newlines()
        self.deeper()
        if self.peek() == "!" and self.peek(2)[1:] in {" ", "\t", "\n"}:
            self.take()
            expression = TestExpression(operator="!", parts=(self._test_not(),))
        elif self.peek() == "(":
            self.take()
            expression = self._test_or()
            self.skip_newlines()
            if self.take() != ")":
                raise self.fail(token=self.token(), expected="]]")
        else:
            expression = self._test_primary()
        self.depth -= 1
        return expression

    def _test_primary(self) -> TestExpression:
        first = self._test_word()
        if first.keyword in _UNARY:
            self.skip_blanks()
            if self.peek(2) == "]]":
                raise self.fail(token=self.token(), expected="]]")
            return TestExpression(operator=first.keyword, words=(self._test_word(),))
        self.skip_blanks()
        start = self.position
        while self.peek() not in {"", " ", "\t", "\n"}:
            self.take()
        operator = self.text[start : self.position]
        if operator not in _BINARY:
            self.position = start
            return TestExpression(operator="-n", words=(first,))
        self.skip_blanks()
        second = self._regular() if operator == "=~" else self._test_word(is_pattern=operator in _PATTERN_TESTS)
        return TestExpression(operator=operator, words=(first, second))

    def _test_word(self, *, is_pattern: bool = False) -> Word:
        self.skip_newlines()
        if not self.peek() or self.peek() in _TEST_ENDS:
            raise self.fail(token=self.token(), expected="]]")
        return self.word(_TEST_ENDS, has_lists=is_pattern or self.has_pattern_lists)

    def _regular(self) -> Word:
        """The right side of ``=~``: includes parentheses and bars; blanks only in parentheses or quoted."""
        start, line, depth = self.position, self.line, 0
        while (character := self.peek()) and (depth or character not in " \t\n"):
            if character in _REGULAR_ENDS:
                depth += (character == "(") - (character == ")")
                self.take()
            else:
                self.word(_REGULAR_ENDS)
        source = self.text[start : self.position]
        parts = (Literal(text=source, is_quoted=False),)
        return Word(parts=parts, source=source, start=start, end=self.position, line=line)
