"""A recursive-descent parser of the shell grammar (POSIX XCU 2.10, Bash Reference Manual 3.2).

Takes time linear in the text, and nests at most `words.MAX_DEPTH` levels. Keeps the statements before a syntax error,
because a shell runs each line before it reads the next.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from weighbridge.domain.shell.syntax import (
    ArithmeticCommand,
    Assignment,
    Branch,
    Case,
    CaseItem,
    Command,
    CompoundCommand,
    Conditional,
    Dialect,
    For,
    FunctionDefinition,
    Group,
    If,
    Literal,
    Loop,
    Pipeline,
    Redirection,
    Script,
    SimpleCommand,
    Statement,
    TestExpression,
    Word,
)
from weighbridge.domain.shell.words import FOR_VARIABLE, METACHARACTERS, REDIRECTION, ShellSyntaxError, WordReader

MAX_SCRIPT_BYTES = 256 * 1024
_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(\[[^\]\n]*\])?(\+?)=")
_FUNCTION_NAME = re.compile(r"[^\s;&|<>()'\"$`\\=]+")
_REDIRECTION = re.compile(r"&>>|&>|<<<|<<-|<<|<>|<&|>>|>&|>\||<|>")
_DESCRIPTOR = re.compile(r"(?:[0-9]+|\{[A-Za-z_][A-Za-z0-9_]*\})(?=[<>])")
_BLANKS = re.compile(r"(?:[ \t]|\\\n)+")
_RESERVED = re.compile(r"(?:[^\W\d_]{1,8}|[{}!]|\[\[)(?=[ \t\n;&|<>()]|\Z)")
_BEGINS_BLANKS = frozenset(" \t\\")
_BEGINS_REDIRECTION = frozenset("<>&{0123456789")
_CLOSING = frozenset({"then", "elif", "else", "fi", "do", "done", "esac", "}"})
_UNARY = frozenset(f"-{letter}" for letter in "abcdefghknoprstuvwxzGLNORS")
_BINARY = frozenset({"=", "==", "!=", "=~", "<", ">", "-eq", "-ne", "-lt", "-le", "-gt", "-ge", "-nt", "-ot", "-ef"})
_PATTERN_ENDS = METACHARACTERS
_TEST_ENDS = frozenset(" \t\n;&|()")


def parse_script(text: str, dialect: Dialect, *, first_line: int = 1) -> Script:
    """Parse `text` in `dialect`. Never raises: an invalid script gives a `Script` with a fault."""
    return _CommandReader(text, dialect, line=first_line).whole()


class _CommandReader(WordReader):
    def __init__(self, text: str, dialect: Dialect, *, line: int = 1, depth: int = 0) -> None:
        super().__init__(text, dialect, line=line, depth=depth)
        self.awaited: list[tuple[str, str]] = []
        """Delimiters and operators of the here-documents whose bodies begin at the next line end."""
        self.comment: int | None = None
        """Where the comment begins that the text ends with."""

    # Whole texts.

    def whole(self) -> Script:
        """Everything up to the end of the text or the first fault."""
        statements: list[Statement] = []
        try:
            while True:
                self.skip_newlines()
                if not self.peek():
                    return Script(statements=tuple(statements), comment=self.comment)
                # A shell reads a whole line before it runs any of it.
                statements.extend(self._line_of_statements())
        except ShellSyntaxError as error:
            return Script(statements=tuple(statements), fault=error.fault)

    def _line_of_statements(self) -> list[Statement]:
        statements: list[Statement] = []
        while True:
            self.skip_blanks()
            character = self.peek()
            if character in {"", "\n"}:
                return statements
            statement, ended_by = self.statement()
            statements.append(statement)
            if ended_by == "":
                self.skip_blanks()
                if self.peek() not in {"", "\n"}:
                    raise self.fail(token=self._token())

    def substituted(self) -> Script:
        self.deeper()
        statements = self.statements(until=")")
        if self.take() != ")":
            raise self.fail(expected=")")
        self.depth -= 1
        return Script(statements=statements)

    def nested(self, text: str) -> Script:
        self.deeper()
        script = _CommandReader(text, self.dialect, line=self.line, depth=self.depth).whole()
        self.depth -= 1
        # bash parses the text between backquotes only when it runs it.
        if script.fault is not None and (script.fault.is_limit or self.dialect is not Dialect.BASH):
            raise ShellSyntaxError(script.fault)
        return script

    # Blanks, newlines and here-documents.

    def skip_blanks(self) -> None:
        """Skip blanks, continued lines and a comment."""
        while True:
            character = self.text[self.position : self.position + 1]
            if character in _BEGINS_BLANKS and (match := _BLANKS.match(self.text, self.position)) is not None:
                self.line += match.group().count("\n")
                self.position = match.end()
                character = self.text[self.position : self.position + 1]
            if character != "#":
                return
            end = self.text.find("\n", self.position)
            if end < 0:
                self.comment, end = self.position, len(self.text)
            self.position = end

    def skip_newlines(self) -> None:
        """Skip blanks, comments and line ends; read pending here-documents."""
        while True:
            self.skip_blanks()
            if self.peek() != "\n":
                return
            self.newline()

    def newline(self) -> None:
        """Read one line end, and the here-documents that begin after it."""
        self.take()
        awaited, self.awaited = self.awaited, []
        for delimiter, operator in awaited:
            self._skip_here_document(delimiter, operator)

    def _skip_here_document(self, delimiter: str, operator: str) -> None:
        """Skip the text: it is a command's input, which has no effect here."""
        while self.position < len(self.text):
            end = self.text.find("\n", self.position)
            line = self.take((len(self.text) if end < 0 else end + 1) - self.position)
            if (line.lstrip("\t") if operator == "<<-" else line).rstrip("\n") == delimiter:
                return

    # Lists.

    def statements(self, *, until: str = "", words: frozenset[str] = frozenset()) -> tuple[Statement, ...]:
        """Statements up to the character `until` or one of the reserved `words`, which remains unread."""
        found: list[Statement] = []
        while True:
            self.skip_newlines()
            character = self.peek()
            if not character:
                expected = until or min(words, key=lambda word: (len(word), word), default="")
                raise self.fail(expected=expected)
            if character == until or (words and self.reserved() in words):
                return tuple(found)
            statement, ended_by = self.statement()
            found.append(statement)
            if ended_by == "":
                self.skip_blanks()
                is_over = _is_compound(statement) and self.reserved() in words
                if not is_over and (self.peek() not in {"", "\n", until} or (self.peek() == until and not until)):
                    raise self.fail(token=self._token())

    def statement(self) -> tuple[Statement, str]:
        """Pipelines joined by ``&&`` and ``||``, and the terminator: ``;``, ``&``, or nothing."""
        first = self.pipeline()
        others: list[tuple[str, Pipeline]] = []
        while True:
            self.skip_blanks()
            operator = self.peek(2)
            if operator not in {"&&", "||"}:
                break
            self.take(2)
            self.skip_newlines()
            others.append((operator, self.pipeline()))
        ended_by = ""
        if self.peek() == "&" or (self.peek() == ";" and self.peek(2) not in {";;", ";&"}):
            ended_by = self.take()
        return Statement(first=first, others=tuple(others), is_background=ended_by == "&"), ended_by

    def pipeline(self) -> Pipeline:
        """Commands joined by ``|``."""
        is_negated = False
        self.skip_blanks()
        while self.reserved() in {"!", "time"}:
            word = self.reserved()
            if word == "time" and self.dialect is not Dialect.BASH:
                break
            self.take(len(word))
            is_negated ^= word == "!"
            self.skip_blanks()
            if word == "time" and self.peek(3) == "-p ":
                self.take(2)
                self.skip_blanks()
        commands = [self.command()]
        while True:
            self.skip_blanks()
            if self.peek() != "|" or self.peek(2) == "||":
                return Pipeline(commands=tuple(commands), is_negated=is_negated)
            self.take()
            if self.peek() == "&" and self.dialect is Dialect.BASH:
                self.take()
            self.skip_newlines()
            commands.append(self.command())

    # Commands.

    def reserved(self) -> str:
        """The unquoted word at the position, if it may be a reserved word; it remains unread."""
        match = _RESERVED.match(self.text, self.position)
        return match.group() if match is not None else ""

    def command(self) -> Command:
        """One command of any kind, with its redirections."""
        self.skip_blanks()
        self.deeper()
        line, word = self.line, self.reserved()
        command: CompoundCommand
        if word == "if":
            command = self._if(line)
        elif word in {"while", "until"}:
            command = self._loop(word, line)
        elif word in {"for", "select"} and (word == "for" or self.dialect is Dialect.BASH):
            command = self._for(word, line)
        elif word == "case":
            command = self._case(line)
        elif word == "{":
            self.take()
            command = Group(body=self._body({"}"}), line=line)
        elif word == "[[" and self.dialect is Dialect.BASH:
            command = self._conditional(line)
        elif word == "function" and self.dialect is not Dialect.POSIX:
            function = self._function(line)
            self.depth -= 1
            return function
        elif word in _CLOSING:
            raise self.fail(token=word)
        elif self.peek(2) == "((" and self.dialect is Dialect.BASH and self._end_of_arithmetic(self.position + 2):
            self.take(2)
            expression = self.take((self._end_of_arithmetic(self.position) or self.position) - self.position)
            self.take(2)
            command = ArithmeticCommand(expression=expression, line=line)
        elif self.peek() == "(":
            self.take()
            body = self.statements(until=")")
            if not body:
                raise self.fail(self._token())
            self.take()
            command = Group(body=body, line=line, is_subshell=True)
        else:
            simple = self._simple_or_function(line)
            self.depth -= 1
            return simple
        self.depth -= 1
        redirections: list[Redirection] = []
        while (redirection := self._redirection()) is not None:
            redirections.append(redirection)
        return replace(command, redirections=tuple(redirections)) if redirections else command

    def _expect(self, word: str) -> None:
        self.skip_newlines()
        if self.reserved() != word:
            raise self.fail(token=self._token(), expected=word)
        self.take(len(word))

    def _body(self, words: set[str]) -> tuple[Statement, ...]:
        """Statements up to one of `words`, which is consumed if it is the only one."""
        body = self.statements(words=frozenset(words))
        if not body:
            raise self.fail(token=self._token())
        if len(words) == 1:
            self.take(len(next(iter(words))))
        return body

    def _if(self, line: int) -> If:
        self.take(2)
        branches: list[Branch] = []
        while True:
            condition = self._body({"then"})
            branches.append(Branch(condition=condition, body=self._body({"elif", "else", "fi"})))
            word = self.take(len(self.reserved()))
            if word != "elif":
                break
        otherwise = self._body({"fi"}) if word == "else" else ()
        return If(branches=tuple(branches), otherwise=otherwise, line=line)

    def _loop(self, word: str, line: int) -> Loop:
        self.take(len(word))
        condition = self._body({"do"})
        return Loop(condition=condition, body=self._body({"done"}), is_until=word == "until", line=line)

    def _for(self, word: str, line: int) -> For:
        self.take(len(word))
        self.skip_blanks()
        if self.peek() == "(" and self.dialect is not Dialect.BASH:
            raise self.fail(FOR_VARIABLE)
        if self.peek(2) == "((" and (end := self._end_of_arithmetic(self.position + 2)) is not None:
            self.take(end + 2 - self.position)
            self.skip_blanks()
            if self.peek() == ";":
                self.take()
            self._expect("do")
            return For(name="", words=(), body=self._body({"done"}), line=line, is_arithmetic=True)
        name = self.word().source
        words: list[Word] | None = None
        self.skip_newlines()
        if self.reserved() == "in":
            self.take(2)
            words = []
            self.skip_blanks()
            while self.peek() not in {"", "\n", ";"}:
                if self.peek() in METACHARACTERS:
                    raise self.fail(token=self._token())
                words.append(self.word())
                self.skip_blanks()
        if self.peek() == ";":
            self.take()
        self._expect("do")
        return For(name=name, words=None if words is None else tuple(words), body=self._body({"done"}), line=line)

    def _case(self, line: int) -> Case:
        self.take(4)
        self.skip_blanks()
        subject = self.word()
        self._expect("in")
        items: list[CaseItem] = []
        while True:
            self.skip_newlines()
            if self.reserved() == "esac":
                self.take(4)
                return Case(subject=subject, items=tuple(items), line=line)
            items.append(self._case_item())

    def _case_item(self) -> CaseItem:
        if self.peek() == "(":
            self.take()
        patterns: list[Word] = []
        while True:
            self.skip_blanks()
            if self.peek() in _PATTERN_ENDS or not self.peek():
                raise self.fail(token=self._token(), expected="" if self.peek() else "esac")
            patterns.append(self.word(_PATTERN_ENDS))
            self.skip_blanks()
            separator = self.take()
            if separator == ")":
                break
            if separator != "|":
                raise self.fail(token=separator)
        body: list[Statement] = []
        while True:
            self.skip_newlines()
            for ending in (";;&", ";;", ";&"):
                if self.peek(len(ending)) == ending:
                    self.take(len(ending))
                    return CaseItem(patterns=tuple(patterns), body=tuple(body), ending=ending)
            if self.reserved() == "esac":
                return CaseItem(patterns=tuple(patterns), body=tuple(body), ending=";;")
            if not self.peek():
                raise self.fail(expected="esac")
            statement, ended_by = self.statement()
            body.append(statement)
            self.skip_blanks()
            is_over = _is_compound(statement) and self.reserved() == "esac"
            if ended_by == "" and not is_over and self.peek() not in {"\n", ";", ""}:
                raise self.fail(token=self._token())

    def _function(self, line: int) -> FunctionDefinition:
        self.take(len("function"))
        self.skip_blanks()
        name = self.word().source
        self.skip_blanks()
        if self.peek() == "(":
            self.take()
            self.skip_blanks()
            if self.take() != ")":
                raise self.fail(token=self._token())
        self.skip_newlines()
        return FunctionDefinition(name=name, body=self.command(), line=line)

    def _simple_or_function(self, line: int) -> Command:
        match = _FUNCTION_NAME.match(self.text, self.position)
        if match is not None:
            end = match.end()
            while self.text[end : end + 1] in {" ", "\t"} and end < len(self.text):
                end += 1
            if self.text[end : end + 1] == "(":
                closing = end + 1
                while self.text[closing : closing + 1] in {" ", "\t"} and closing < len(self.text):
                    closing += 1
                if self.text[closing : closing + 1] == ")":
                    self.take(closing + 1 - self.position)
                    self.skip_newlines()
                    return FunctionDefinition(name=match.group(), body=self.command(), line=line)
        return self._simple(line)

    def _simple(self, line: int) -> SimpleCommand:
        assignments: list[Assignment] = []
        words: list[Word] = []
        redirections: list[Redirection] = []
        while True:
            self.skip_blanks()
            character = self.peek()
            if character in _BEGINS_REDIRECTION and (redirection := self._redirection()) is not None:
                redirections.append(redirection)
                continue
            if character in {"<", ">"} and self.peek(2) in {"<(", ">("} and self.dialect is not Dialect.POSIX:
                words.append(self.process_substitution())
                continue
            if not character or character in METACHARACTERS:
                break
            may_assign = not words or _declares(words)
            match = _ASSIGNMENT.match(self.text, self.position) if may_assign else None
            if match is not None:
                assignment, word = self._assignment(match)
                # Arguments of `export` and similar builtins are words; only an array cannot be one.
                if words:
                    words.append(word)
                if not words or assignment.elements is not None:
                    assignments.append(assignment)
                continue
            words.append(self.word())
            if len(words) == 1 and self.dialect is Dialect.BASH:
                # bash reports the line of the token after a command's first word.
                self.skip_blanks()
                line = self.line
        if character == "(" or not (assignments or words or redirections):
            raise self.fail(token=self._token())
        return SimpleCommand(
            assignments=tuple(assignments), words=tuple(words), redirections=tuple(redirections), line=line
        )

    def _assignment(self, match: re.Match[str]) -> tuple[Assignment, Word]:
        start, line = self.position, self.line
        name, index, append = match.groups()
        self.take(len(match.group()))
        elements: list[Word] | None = None
        value: Word | None = None
        if self.peek() == "(" and self.dialect is Dialect.BASH:
            self.take()
            elements = []
            self.skip_newlines()
            while self.peek() != ")":
                if not self.peek() or self.peek() in METACHARACTERS - {"<", ">"}:
                    raise self.fail(token=self._token(), expected=")")
                if self.peek(2) in {"<(", ">("}:
                    elements.append(self.process_substitution())
                elif self.peek() in METACHARACTERS:
                    raise self.fail(token=self._token())
                else:
                    elements.append(self.word())
                self.skip_newlines()
            self.take()
        else:
            value = self.word()
        source = self.text[start : self.position]
        parts = (Literal(text=match.group(), is_quoted=True), *(value.parts if value is not None else ()))
        word = Word(parts=parts, source=source, start=start, end=self.position, line=line)
        assignment = Assignment(
            name=name,
            start=start,
            value=value,
            is_append=bool(append),
            index=None if index is None else index[1:-1],
            elements=None if elements is None else tuple(elements),
        )
        return assignment, word

    def _redirection(self) -> Redirection | None:
        self.skip_blanks()
        start = self.position
        if self.text[start : start + 1] not in _BEGINS_REDIRECTION:
            return None
        match = _DESCRIPTOR.match(self.text, start)
        fd = match.group() if match else ""
        if fd.startswith("{") and self.dialect is not Dialect.BASH:
            return None
        operator = _REDIRECTION.match(self.text, start + len(fd))
        if operator is None or (not fd and self.peek(2) in {"<(", ">("} and self.dialect is not Dialect.POSIX):
            return None
        sign = operator.group()
        if self.dialect is Dialect.POSIX and sign.startswith("&>"):
            return None
        if self.dialect is not Dialect.BASH and sign == "<<<":
            self.take(len(fd) + 2)
            raise self.fail(REDIRECTION)
        self.take(len(fd) + len(sign))
        self.skip_blanks()
        if not self.peek() or self.peek() in METACHARACTERS - {"<", ">"}:
            raise self.fail(token=self._token())
        if self.peek(2) in {"<(", ">("} and self.dialect is Dialect.POSIX:
            raise self.fail(REDIRECTION)
        target = self.process_substitution() if self.peek(2) in {"<(", ">("} else self.word()
        if sign in {"<<", "<<-"}:
            delimiter = "".join(part.text for part in target.parts if isinstance(part, Literal))
            self.awaited.append((delimiter, sign))
        return Redirection(operator=sign, target=target, fd=fd)

    # [[ … ]]

    def _conditional(self, line: int) -> Conditional:
        self.take(2)
        expression = self._test_or()
        self.skip_newlines()
        if self.peek(2) != "]]":
            raise self.fail(token=self._token(), expected="]]")
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
                raise self.fail(expected=")")
        else:
            expression = self._test_primary()
        self.depth -= 1
        return expression

    def _test_primary(self) -> TestExpression:
        first = self._test_word()
        if first.keyword in _UNARY:
            self.skip_blanks()
            if self.peek() not in METACHARACTERS and self.peek(2) != "]]":
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
        return TestExpression(
            operator=operator, words=(first, self._regular() if operator == "=~" else self._test_word())
        )

    def _test_word(self) -> Word:
        self.skip_newlines()
        if not self.peek() or self.peek() in _TEST_ENDS:
            raise self.fail(token=self._token(), expected="]]")
        return self.word(_TEST_ENDS)

    def _regular(self) -> Word:
        """The right side of ``=~``: includes parentheses and bars."""
        start, line, depth = self.position, self.line, 0
        while (character := self.peek()) and (depth or character not in " \t\n"):
            if character == "\\":
                self.take()
            depth += (character == "(") - (character == ")")
            self.take()
        source = self.text[start : self.position]
        parts = (Literal(text=source, is_quoted=False),)
        return Word(parts=parts, source=source, start=start, end=self.position, line=line)

    def _token(self) -> str:
        """The token at the position, as a shell names it in an error."""
        character = self.peek()
        if character in METACHARACTERS:
            return next((sign for sign in (";;", "&&", "||") if self.peek(2) == sign), character)
        end = self.position
        while end < len(self.text) and self.text[end] not in METACHARACTERS:
            end += 1
        return self.text[self.position : end]


def _is_compound(statement: Statement) -> bool:
    """True if a reserved word may follow the statement without a separator (``done done``; POSIX XCU 2.10.2)."""
    last = (statement.others[-1][1] if statement.others else statement.first).commands[-1]
    return not isinstance(last, SimpleCommand)


def _declares(words: list[Word]) -> bool:
    return words[0].keyword in {"export", "local", "declare", "readonly", "typeset"}
