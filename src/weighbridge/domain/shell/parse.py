"""A recursive-descent parser of the shell grammar (POSIX XCU 2.10, Bash Reference Manual 3.2).

Takes time linear in the text, and nests at most `words.MAX_DEPTH` levels. Keeps the statements before a syntax error,
because a shell runs each line before it reads the next.
"""

from __future__ import annotations

import re

from weighbridge.domain.shell.conditional import ConditionalReader
from weighbridge.domain.shell.names import SPECIAL_BUILTINS
from weighbridge.domain.shell.simple import SimpleCommandReader
from weighbridge.domain.shell.syntax import (
    ArithmeticCommand,
    Branch,
    Case,
    CaseItem,
    Command,
    CompoundCommand,
    Dialect,
    For,
    FunctionDefinition,
    Group,
    If,
    Loop,
    Pipeline,
    Redirection,
    Script,
    SimpleCommand,
    Statement,
    Word,
)
from weighbridge.domain.shell.words import FOR_VARIABLE, FUNCTION_NAME, METACHARACTERS, ShellSyntaxError

MAX_SCRIPT_BYTES = 256 * 1024
_FUNCTION_NAME = re.compile(r"[^\s;&|<>()'\"$`\\=]+")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_COPROCESS_NAME = re.compile(
    r"(?!(?:if|while|until|for|select|case)\b)[A-Za-z_][A-Za-z0-9_]*[ \t]+"
    r"(?=[({]|\[\[|(?:if|while|until|for|select|case)\b)"
)
_CLOSING = frozenset({"then", "elif", "else", "fi", "do", "done", "esac", "}"})
_PATTERN_ENDS = METACHARACTERS


def parse_script(text: str, dialect: Dialect, *, first_line: int = 1) -> Script:
    """Parse `text` in `dialect`. Never raises: an invalid script gives a `Script` with a fault."""
    return _CommandReader(text, dialect, line=first_line).whole()


class _CommandReader(SimpleCommandReader, ConditionalReader):
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
                    raise self.fail(token=self.token())

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

    def quoted_text(self, text: str, line: int) -> Word:
        self.deeper()
        word = _CommandReader(text, self.dialect, line=line, depth=self.depth).word(frozenset(), is_quoted=True)
        self.depth -= 1
        return word

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
                    raise self.fail(token=self.token())

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
        falls_through = self.dialect is Dialect.BASH and self.peek(2) == ";&"
        if self.peek() == "&" or (self.peek() == ";" and self.peek(2) != ";;" and not falls_through):
            ended_by = self.take()
        return Statement(first=first, others=tuple(others), is_background=ended_by == "&"), ended_by

    def pipeline(self) -> Pipeline:
        """Commands joined by ``|``."""
        is_negated = False
        self.skip_blanks()
        while (word := self.reserved()) in {"!", "time"}:
            if self.dialect is not Dialect.BASH and (word == "time" or is_negated):
                break
            self.take(len(word))
            is_negated ^= word == "!"
            self.skip_blanks()
            if word == "time" and self.peek(3) == "-p ":
                self.take(2)
                self.skip_blanks()
            if self.dialect is Dialect.BASH and self.peek() in {"", "\n", ";"}:
                # `time` alone prints the times of the shell itself, `!` alone fails.
                return Pipeline(commands=(Group(body=(), line=self.line),), is_negated=is_negated)
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
            command = self.conditional(line)
        elif word == "function" and self.dialect is not Dialect.POSIX:
            function = self._function(line)
            self.depth -= 1
            return function
        elif word == "coproc" and self.dialect is Dialect.BASH:
            command = self._coprocess(line)
        elif word in _CLOSING or word == "!":
            raise self.fail(token=word)
        elif self.peek(2) == "((" and self.dialect is Dialect.BASH and self._end_of_arithmetic(self.position + 2):
            self.take(2)
            source = self.take((self._end_of_arithmetic(self.position) or self.position) - self.position)
            expression = self.quoted_text(source, line)
            self.take(2)
            command = ArithmeticCommand(expression=expression, line=line)
        elif self.peek() == "(":
            self.take()
            body = self.statements(until=")")
            if not body:
                raise self.fail(self.token())
            self.take()
            command = Group(body=body, line=line, is_subshell=True)
        else:
            simple = self._simple_or_function(line)
            self.depth -= 1
            return simple
        self.depth -= 1
        redirections: list[Redirection] = []
        while (redirection := self.redirection()) is not None:
            redirections.append(redirection)
        return command._replace(redirections=tuple(redirections)) if redirections else command

    def _expect(self, word: str) -> None:
        self.skip_newlines()
        if self.reserved() != word:
            raise self.fail(token=self.token(), expected=word)
        self.take(len(word))

    def _body(self, words: set[str]) -> tuple[Statement, ...]:
        """Statements up to one of `words`, which is consumed if it is the only one."""
        body = self.statements(words=frozenset(words))
        if not body:
            raise self.fail(token=self.token())
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

    def _coprocess(self, line: int) -> Group:
        """``coproc [NAME] command`` (Bash Reference Manual 3.2.6): the command runs in the background."""
        self.take(len("coproc"))
        self.skip_blanks()
        named = _COPROCESS_NAME.match(self.text, self.position)
        if named is not None:
            self.take(len(named.group()))
        run = Pipeline(commands=(self.command(),), is_negated=False)
        return Group(body=(Statement(first=run, others=(), is_background=True),), line=line)

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
            return For(name="", words=(), body=self._for_body(), line=line, is_arithmetic=True)
        name = self.word().source
        if not _NAME.fullmatch(name) and (self.dialect is not Dialect.BASH or not name):
            raise self.fail(token=self.token() if self.dialect is Dialect.BASH else FOR_VARIABLE)
        words: list[Word] | None = None
        self.skip_newlines()
        if self.reserved() == "in":
            self.take(2)
            words = []
            self.skip_blanks()
            while self.peek() not in {"", "\n", ";"}:
                if self.peek() in METACHARACTERS:
                    raise self.fail(token=self.token())
                words.append(self.word())
                self.skip_blanks()
        if self.peek() == ";":
            self.take()
        return For(name=name, words=None if words is None else tuple(words), body=self._for_body(), line=line)

    def _for_body(self) -> tuple[Statement, ...]:
        """``do … done``, or ``{ … }``, which only bash takes, without documenting it."""
        self.skip_newlines()
        if self.dialect is Dialect.BASH and self.reserved() == "{":
            self.take()
            return self._body({"}"})
        self._expect("do")
        return self._body({"done"})

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
            items.append(self._case_item(is_first=not items))

    def _case_item(self, *, is_first: bool) -> CaseItem:
        if self.peek() == "(":
            self.take()
        patterns: list[Word] = []
        while True:
            self.skip_blanks()
            if self.peek() in _PATTERN_ENDS or not self.peek():
                raise self.fail(token=self.token(), expected="" if self.peek() else "esac" if is_first else ")")
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
            for ending in (";;&", ";;", ";&") if self.dialect is Dialect.BASH else (";;",):
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
                raise self.fail(token=self.token())

    def _function(self, line: int) -> FunctionDefinition:
        self.take(len("function"))
        self.skip_blanks()
        name = self.word().source
        self.skip_blanks()
        if self.peek() == "(":
            self.take()
            self.skip_blanks()
            if self.take() != ")":
                raise self.fail(token=self.token())
        return self._function_named(name, line)

    def _function_named(self, name: str, line: int) -> FunctionDefinition:
        """Read the body of a function.

        Dash and busybox refuse a name that is none, or that of a special builtin; bash takes any word. Only bash
        refuses a body that is no compound command (POSIX XCU 2.9.5).
        """
        is_name = _NAME.fullmatch(name) is not None and name not in SPECIAL_BUILTINS
        if self.dialect is not Dialect.BASH and not is_name:
            raise self.fail(FUNCTION_NAME)
        self.skip_newlines()
        begins = self.token()
        body = self.command()
        if self.dialect is Dialect.BASH and isinstance(body, SimpleCommand | FunctionDefinition):
            raise self.fail(token=begins)
        return FunctionDefinition(name=name, body=body, line=line)

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
                    return self._function_named(match.group(), line)
        return self.simple_command(line)


def _is_compound(statement: Statement) -> bool:
    """True if a reserved word may follow the statement without a separator (``done done``; POSIX XCU 2.10.2)."""
    last = (statement.others[-1][1] if statement.others else statement.first).commands[-1]
    return not isinstance(last, SimpleCommand)
