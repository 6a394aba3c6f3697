"""The syntax tree of a shell script, with the position of each word and command in the text.

Terms come from POSIX, XCU 2 "Shell Command Language", and from the Bash Reference Manual for constructs of bash.
Offsets count characters of the parsed text; lines begin with 1.
"""

from __future__ import annotations

import enum
from typing import NamedTuple


class Dialect(enum.StrEnum):
    """The shell whose grammar applies."""

    POSIX = "posix"
    """dash: POSIX and nothing more."""
    ASH = "ash"
    """busybox ash: POSIX, ``function``, ``$'…'``, ``&>``, and ``[[`` as a builtin command."""
    BASH = "bash"


class Literal(NamedTuple):
    """Literal text. `is_quoted` text is neither split nor used as a pattern."""

    text: str
    is_quoted: bool


class Parameter(NamedTuple):
    """``$name`` or ``${name…}``.

    `operator` is what follows the name (``:-``, ``%%``, ``/``, …), `argument` what follows the operator. `subscript` is
    the text between ``[`` and ``]``. `is_length` is ``${#name}``, `is_indirect` ``${!name}``.
    """

    name: str
    is_quoted: bool
    operator: str = ""
    argument: Word | None = None
    subscript: str | None = None
    is_length: bool = False
    is_indirect: bool = False


class CommandSubstitution(NamedTuple):
    """``$(…)`` or backquotes."""

    script: Script
    is_quoted: bool


class ArithmeticExpansion(NamedTuple):
    """``$((…))``; the expression is a text with its own expansions."""

    expression: Word
    is_quoted: bool


class ProcessSubstitution(NamedTuple):
    """``<(…)`` or ``>(…)``, of bash."""

    script: Script


class PatternList(NamedTuple):
    """``(a|b)`` of ``@(a|b)`` and similar patterns of bash (``extglob``); what it matches is not followed."""

    source: str


Part = Literal | Parameter | CommandSubstitution | ArithmeticExpansion | ProcessSubstitution | PatternList


class Word(NamedTuple):
    """One word: its parts, and its position."""

    parts: tuple[Part, ...]
    source: str
    start: int
    end: int
    line: int

    @property
    def literal(self) -> str | None:
        """The word's text if no part of it is computed; None otherwise. Patterns count as text."""
        if all(isinstance(part, Literal) for part in self.parts):
            return "".join(part.text for part in self.parts if isinstance(part, Literal))
        return None

    @property
    def keyword(self) -> str:
        """The word's text if it may be a reserved word (nothing quoted or computed); empty otherwise."""
        if len(self.parts) == 1 and isinstance(self.parts[0], Literal) and self.parts[0].text == self.source:
            return self.source
        return ""


class Assignment(NamedTuple):
    """``name=value``. `elements` holds the words of an array, `subscript` the text of ``name[subscript]=``."""

    name: str
    start: int
    value: Word | None
    is_append: bool = False
    subscript: str | None = None
    elements: tuple[Word, ...] | None = None


class HereDocument:
    """The text of a here-document. `word` is None if nothing in it is expanded.

    The reader fills it in after the command, because the text begins after the line.
    """

    def __init__(self) -> None:
        self.word: Word | None = None


class Redirection(NamedTuple):
    """``[fd]operator target``; for a here-document the target is its delimiter."""

    operator: str
    target: Word
    fd: str = ""
    document: HereDocument | None = None


class SimpleCommand(NamedTuple):
    """Assignments, words and redirections."""

    assignments: tuple[Assignment, ...]
    words: tuple[Word, ...]
    redirections: tuple[Redirection, ...]
    line: int


class Group(NamedTuple):
    """``{ …; }``, or ``( … )`` if `is_subshell`."""

    body: tuple[Statement, ...]
    line: int
    is_subshell: bool = False
    redirections: tuple[Redirection, ...] = ()


class Branch(NamedTuple):
    """A condition and the statements that run if it is true."""

    condition: tuple[Statement, ...]
    body: tuple[Statement, ...]


class If(NamedTuple):
    """``if``, each ``elif``, and ``else``."""

    branches: tuple[Branch, ...]
    otherwise: tuple[Statement, ...]
    line: int
    redirections: tuple[Redirection, ...] = ()


class Loop(NamedTuple):
    """``while``, or ``until`` if `is_until`."""

    condition: tuple[Statement, ...]
    body: tuple[Statement, ...]
    is_until: bool
    line: int
    redirections: tuple[Redirection, ...] = ()


class For(NamedTuple):
    """``for name in words``; `words` is None for the positional parameters, `is_arithmetic` marks ``for ((…))``."""

    name: str
    words: tuple[Word, ...] | None
    body: tuple[Statement, ...]
    line: int
    is_arithmetic: bool = False
    redirections: tuple[Redirection, ...] = ()


class CaseItem(NamedTuple):
    """Patterns and the statements that run if one matches; `ending` is ``;;``, ``;&`` or ``;;&``."""

    patterns: tuple[Word, ...]
    body: tuple[Statement, ...]
    ending: str


class Case(NamedTuple):
    """``case subject in … esac``."""

    subject: Word
    items: tuple[CaseItem, ...]
    line: int
    redirections: tuple[Redirection, ...] = ()


class FunctionDefinition(NamedTuple):
    """``name() body``."""

    name: str
    body: Command
    line: int


class TestExpression(NamedTuple):
    """A node of ``[[ … ]]``: ``&&``, ``||`` and ``!`` hold `parts`; a test holds its operator and `words`."""

    operator: str
    words: tuple[Word, ...] = ()
    parts: tuple[TestExpression, ...] = ()


class Conditional(NamedTuple):
    """``[[ expression ]]``."""

    expression: TestExpression
    line: int
    redirections: tuple[Redirection, ...] = ()


class ArithmeticCommand(NamedTuple):
    """``(( expression ))``."""

    expression: Word
    line: int
    redirections: tuple[Redirection, ...] = ()


CompoundCommand = Group | If | Loop | For | Case | Conditional | ArithmeticCommand
Command = SimpleCommand | FunctionDefinition | CompoundCommand


class Pipeline(NamedTuple):
    """Commands joined by ``|``."""

    commands: tuple[Command, ...]
    is_negated: bool = False


class Statement(NamedTuple):
    """Pipelines joined by ``&&`` and ``||``; each of `others` includes the operator before it."""

    first: Pipeline
    others: tuple[tuple[str, Pipeline], ...] = ()
    is_background: bool = False


class SyntaxFault(NamedTuple):
    """A syntax error: its line, and the unexpected token (empty at the end of the text).

    `expected` is the reserved word that would fit. `is_limit` means that the text exceeds the supported nesting.
    """

    token: str
    line: int
    expected: str = ""
    is_limit: bool = False


class Script(NamedTuple):
    """The statements of a text, up to its first fault: a shell runs each line before it reads the next.

    `comment` is where the comment begins that the text ends with.
    """

    statements: tuple[Statement, ...]
    fault: SyntaxFault | None = None
    comment: int | None = None
