"""Simple commands: assignments, words and redirections (POSIX XCU 2.7 and 2.9.1)."""

from __future__ import annotations

import re

from weighbridge.domain.shell.lines import LineReader
from weighbridge.domain.shell.syntax import Assignment, Dialect, Literal, Redirection, SimpleCommand, Word
from weighbridge.domain.shell.words import METACHARACTERS, REDIRECTION

_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(\[[^\]\n]*\])?(\+?)=")
_REDIRECTION = re.compile(r"&>>|&>|<<<|<<-|<<|<>|<&|>>|>&|>\||<|>")
_DESCRIPTOR = re.compile(r"(?:[0-9]+|\{[A-Za-z_][A-Za-z0-9_]*\})(?=[<>])")
_TEST_CONNECTIVES = {"&&": "-a", "||": "-o"}
"""Between ``[[`` and ``]]`` of busybox, which are words of a command, these do not end the command."""
_BEGINS_REDIRECTION = frozenset("<>&{0123456789")


class SimpleCommandReader(LineReader):
    """Reads simple commands, and the redirections of any command."""

    def simple_command(self, line: int) -> SimpleCommand:
        """Assignments, words and redirections up to a separator."""
        assignments: list[Assignment] = []
        words: list[Word] = []
        redirections: list[Redirection] = []
        is_test = False
        while True:
            self.skip_blanks()
            character = self.peek()
            if character in _BEGINS_REDIRECTION and (redirection := self.redirection()) is not None:
                redirections.append(redirection)
                continue
            if character in {"<", ">"} and self.peek(2) in {"<(", ">("} and self.dialect is not Dialect.POSIX:
                words.append(self.process_substitution())
                continue
            if is_test and (operator := _TEST_CONNECTIVES.get(self.peek(2))) is not None:
                start = self.position
                source, part = self.take(2), Literal(text=operator, is_quoted=True)
                words.append(Word(parts=(part,), source=source, start=start, end=self.position, line=self.line))
                continue
            if not character or character in METACHARACTERS:
                break
            may_assign = not words or _declares(words)
            match = _ASSIGNMENT.match(self.text, self.position) if may_assign else None
            # Only bash has arrays and ``+=``; other shells take such a word for a command.
            if match is not None and (self.dialect is Dialect.BASH or not (match[2] or match[3])):
                assignment, word = self._assignment(match)
                # Arguments of `export` and similar builtins are words; only an array cannot be one.
                if words:
                    words.append(word)
                if not words or assignment.elements is not None:
                    assignments.append(assignment)
                continue
            words.append(self.word())
            if self.dialect is Dialect.ASH and words[-1].keyword in {"[[", "]]"}:
                is_test = words[-1].keyword == "[["
            if len(words) == 1 and self.dialect is Dialect.BASH:
                # bash reports the line of the token after a command's first word.
                self.skip_blanks()
                line = self.line
        if character == "(" or not (assignments or words or redirections):
            raise self.fail(token=self.token())
        return SimpleCommand(
            assignments=tuple(assignments), words=tuple(words), redirections=tuple(redirections), line=line
        )

    def _assignment(self, match: re.Match[str]) -> tuple[Assignment, Word]:
        start, line = self.position, self.line
        name, subscript, append = match.groups()
        self.take(len(match.group()))
        elements: list[Word] | None = None
        value: Word | None = None
        if self.peek() == "(" and self.dialect is Dialect.BASH:
            self.take()
            elements = []
            self.skip_newlines()
            while self.peek() != ")":
                if not self.peek() or self.peek() in METACHARACTERS - {"<", ">"}:
                    raise self.fail(token=self.token(), expected=")")
                if self.peek(2) in {"<(", ">("}:
                    elements.append(self.process_substitution())
                elif self.peek() in METACHARACTERS:
                    raise self.fail(token=self.token())
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
            subscript=None if subscript is None else subscript[1:-1],
            elements=None if elements is None else tuple(elements),
        )
        return assignment, word

    def redirection(self) -> Redirection | None:
        """The redirection at the position; None if there is none."""
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
        is_process = self.peek(2) in {"<(", ">("} and self.dialect is not Dialect.POSIX
        if self.dialect is not Dialect.BASH and not is_process and (sign == "&>>" or self.peek() in {"<", ">"}):
            raise self.fail(REDIRECTION)
        if not self.peek() or (self.peek() in METACHARACTERS and not is_process):
            raise self.fail(token=self.token())
        target = self.process_substitution() if is_process else self.word()
        if sign in {"<<", "<<-"}:
            delimiter = "".join(part.text for part in target.parts if isinstance(part, Literal))
            is_literal = target.source != delimiter
            return Redirection(
                operator=sign,
                target=target,
                fd=fd,
                document=self.await_document(sign, delimiter, is_literal=is_literal),
            )
        return Redirection(operator=sign, target=target, fd=fd)


def _declares(words: list[Word]) -> bool:
    return words[0].keyword in {"export", "local", "declare", "readonly", "typeset"}
