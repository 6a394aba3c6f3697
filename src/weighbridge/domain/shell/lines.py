"""Blanks, comments, line ends, here-documents and reserved words (POSIX XCU 2.3, 2.4 and 2.7.4)."""

from __future__ import annotations

import contextlib
import re
from typing import NamedTuple

from weighbridge.domain.shell.syntax import Dialect, HereDocument
from weighbridge.domain.shell.words import METACHARACTERS, ShellSyntaxError, WordReader

_BLANKS = re.compile(r"(?:[ \t]|\\\n)+")
_RESERVED = re.compile(r"(?:[^\W\d_]{1,8}|[{}!]|\[\[)(?=[ \t\n;&|<>()]|\Z)")
_BEGINS_BLANKS = frozenset(" \t\\")


class _AwaitedDocument(NamedTuple):
    """A here-document whose text begins after the next line end. `is_literal`: its delimiter is quoted."""

    delimiter: str
    strips_tabs: bool
    is_literal: bool
    body: HereDocument


class LineReader(WordReader):
    """Reads what separates words."""

    def __init__(self, text: str, dialect: Dialect, *, line: int = 1, depth: int = 0) -> None:
        super().__init__(text, dialect, line=line, depth=depth)
        self.awaited: list[_AwaitedDocument] = []
        """The here-documents whose texts begin after the next line end."""
        self.comment: int | None = None
        """Where the comment begins that the text ends with."""

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
        for document in awaited:
            self._here_document(document)

    def _here_document(self, document: _AwaitedDocument) -> None:
        """Read the text of a here-document; expansions in it are read if its delimiter is not quoted."""
        start, line = self.position, self.line
        end = start
        while self.position < len(self.text):
            end = self.position
            line_end = self.text.find("\n", end)
            read = self.take((len(self.text) if line_end < 0 else line_end + 1) - end)
            if (read.lstrip("\t") if document.strips_tabs else read).rstrip("\n") == document.delimiter:
                break
            end = self.position
        if not document.is_literal and "$" in (text := self.text[start:end]):
            # The shell finds a fault in the text only when it runs the command.
            depth = self.depth
            with contextlib.suppress(ShellSyntaxError):
                document.body.word = self.quoted_text(text, line)
            self.depth = depth

    def reserved(self) -> str:
        """The unquoted word at the position, if it may be a reserved word; it remains unread."""
        match = _RESERVED.match(self.text, self.position)
        return match.group() if match is not None else ""

    def token(self) -> str:
        """The token at the position, as a shell names it in an error."""
        character = self.peek()
        if character in METACHARACTERS:
            return next((sign for sign in (";;", "&&", "||") if self.peek(2) == sign), character)
        end = self.position
        while end < len(self.text) and self.text[end] not in METACHARACTERS:
            end += 1
        return self.text[self.position : end]

    def await_document(self, operator: str, delimiter: str, *, is_literal: bool) -> HereDocument:
        """A here-document, whose text is filled in when its lines are read."""
        body = HereDocument()
        self.awaited.append(
            _AwaitedDocument(delimiter=delimiter, strips_tabs=operator == "<<-", is_literal=is_literal, body=body)
        )
        return body
