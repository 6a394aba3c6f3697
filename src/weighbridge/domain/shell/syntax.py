"""The syntax tree of a shell script, with the place of each word and command in the text.

Words and names are those of POSIX, XCU 2 "Shell Command Language", and of the Bash Reference Manual where only bash has
them. Offsets count characters of the text that was parsed; lines begin with 1.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Dialect(enum.StrEnum):
    """Which shell reads the text."""

    POSIX = "posix"
    """dash: POSIX and nothing more."""
    ASH = "ash"
    """busybox ash: POSIX, ``function``, ``$'…'``, ``&>``, and ``[[`` as a builtin command."""
    BASH = "bash"


@dataclass(frozen=True, kw_only=True, slots=True)
class Literal:
    """Text that stands for itself. `is_quoted` text is neither split nor taken for a pattern."""

    text: str
    is_quoted: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Parameter:
    """``$name`` or ``${name…}``.

    `operator` is what follows the name (``:-``, ``%%``, ``/``, …), `argument` what follows the operator. `index` is the
    text between ``[`` and ``]``. `is_length` is ``${#name}``, `is_indirect` ``${!name}``.
    """

    name: str
    is_quoted: bool
    operator: str = ""
    argument: Word | None = None
    index: str | None = None
    is_length: bool = False
    is_indirect: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class CommandSubstitution:
    """``$(…)`` or backquotes."""

    script: Script
    is_quoted: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class ArithmeticExpansion:
    """``$((…))``; the expression is kept as it is written."""

    expression: str
    is_quoted: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class ProcessSubstitution:
    """``<(…)`` or ``>(…)``, of bash."""

    script: Script


Part = Literal | Parameter | CommandSubstitution | ArithmeticExpansion | ProcessSubstitution


@dataclass(frozen=True, kw_only=True, slots=True)
class Word:
    """One word: its parts, and where it stands."""

    parts: tuple[Part, ...]
    source: str
    start: int
    end: int
    line: int

    @property
    def literal(self) -> str | None:
        """The word's text where no part of it is computed; None otherwise. Patterns count as text."""
        if all(isinstance(part, Literal) for part in self.parts):
            return "".join(part.text for part in self.parts if isinstance(part, Literal))
        return None

    @property
    def keyword(self) -> str:
        """The word's text where it may be a reserved word: nothing of it is quoted or computed; empty otherwise."""
        if len(self.parts) == 1 and isinstance(self.parts[0], Literal) and self.parts[0].text == self.source:
            return self.source
        return ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Assignment:
    """``name=value``. `elements` holds the words of an array, `index` the text of ``name[index]=``."""

    name: str
    start: int
    value: Word | None
    is_append: bool = False
    index: str | None = None
    elements: tuple[Word, ...] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Redirection:
    """``[fd]operator target``; for a here-document the target is its delimiter."""

    operator: str
    target: Word
    fd: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class SimpleCommand:
    """Assignments, words and redirections."""

    assignments: tuple[Assignment, ...]
    words: tuple[Word, ...]
    redirections: tuple[Redirection, ...]
    line: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """``{ …; }``, or ``( … )`` where `is_subshell`."""

    body: tuple[Statement, ...]
    line: int
    is_subshell: bool = False
    redirections: tuple[Redirection, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Branch:
    """A condition and what is done where it holds."""

    condition: tuple[Statement, ...]
    body: tuple[Statement, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class If:
    """``if``, each ``elif``, and ``else``."""

    branches: tuple[Branch, ...]
    otherwise: tuple[Statement, ...]
    line: int
    redirections: tuple[Redirection, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Loop:
    """``while``, or ``until`` where `is_until`."""

    condition: tuple[Statement, ...]
    body: tuple[Statement, ...]
    is_until: bool
    line: int
    redirections: tuple[Redirection, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class For:
    """``for name in words``; `words` is None for the positional parameters, `is_arithmetic` marks ``for ((…))``."""

    name: str
    words: tuple[Word, ...] | None
    body: tuple[Statement, ...]
    line: int
    is_arithmetic: bool = False
    redirections: tuple[Redirection, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class CaseItem:
    """Patterns and what is done where one matches; `ending` is ``;;``, ``;&`` or ``;;&``."""

    patterns: tuple[Word, ...]
    body: tuple[Statement, ...]
    ending: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """``case subject in … esac``."""

    subject: Word
    items: tuple[CaseItem, ...]
    line: int
    redirections: tuple[Redirection, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class FunctionDefinition:
    """``name() body``."""

    name: str
    body: Command
    line: int


@dataclass(frozen=True, kw_only=True, slots=True)
class TestExpression:
    """A node of ``[[ … ]]``: ``&&``, ``||`` and ``!`` hold `parts`; a test holds its operator and `words`."""

    operator: str
    words: tuple[Word, ...] = ()
    parts: tuple[TestExpression, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Conditional:
    """``[[ expression ]]``."""

    expression: TestExpression
    line: int
    redirections: tuple[Redirection, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ArithmeticCommand:
    """``(( expression ))``."""

    expression: str
    line: int
    redirections: tuple[Redirection, ...] = ()


CompoundCommand = Group | If | Loop | For | Case | Conditional | ArithmeticCommand
Command = SimpleCommand | FunctionDefinition | CompoundCommand


@dataclass(frozen=True, kw_only=True, slots=True)
class Pipeline:
    """Commands joined by ``|``."""

    commands: tuple[Command, ...]
    is_negated: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Statement:
    """Pipelines joined by ``&&`` and ``||``; each of `others` comes with the operator before it."""

    first: Pipeline
    others: tuple[tuple[str, Pipeline], ...] = ()
    is_background: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class SyntaxFault:
    """Where a text stops being a script: its line, and the token that does not fit (empty at the end of the text).

    `expected` is the reserved word that would fit. `is_limit` says that the text is nested too deep to be read here.
    """

    token: str
    line: int
    expected: str = ""
    is_limit: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Script:
    """The statements of a text, up to its first fault: a shell runs each line before it reads the next.

    `comment` is where the comment begins that the text ends with.
    """

    statements: tuple[Statement, ...]
    fault: SyntaxFault | None = None
    comment: int | None = None
