"""As much of the shell's grammar as says for certain which program a script runs.

Only top-level simple commands are taken apart (POSIX XCU 2.9.1). Everything else (pipelines, ``if``,
functions, substitutions as a command's name) is recognised as something that is not decided here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

MAX_SCRIPT_BYTES = 256 * 1024
MAX_STATEMENTS = 2000

BUILTINS = frozenset(
    [
        ".",
        ":",
        "[",
        "[[",
        "alias",
        "bg",
        "bind",
        "break",
        "builtin",
        "caller",
        "cd",
        "chdir",
        "command",
        "compgen",
        "complete",
        "compopt",
        "continue",
        "declare",
        "dirs",
        "disown",
        "echo",
        "enable",
        "eval",
        "exec",
        "exit",
        "export",
        "false",
        "fc",
        "fg",
        "getopts",
        "hash",
        "help",
        "history",
        "jobs",
        "kill",
        "let",
        "local",
        "logout",
        "mapfile",
        "popd",
        "printf",
        "pushd",
        "pwd",
        "read",
        "readarray",
        "readonly",
        "return",
        "set",
        "shift",
        "shopt",
        "source",
        "suspend",
        "test",
        "times",
        "trap",
        "true",
        "type",
        "typeset",
        "ulimit",
        "umask",
        "unalias",
        "unset",
        "wait",
    ]
)
"""Words that no file is needed for in dash, ash or bash (a few are only in bash: no alarm is raised over those)."""

_COMPOUND = frozenset(
    [
        "if",
        "then",
        "elif",
        "else",
        "fi",
        "for",
        "while",
        "until",
        "do",
        "done",
        "case",
        "esac",
        "{",
        "}",
        "!",
        "function",
        "select",
        "time",
        "coproc",
    ]
)
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\+?=")
_ARGUMENTS = {'"$@"', '"${@}"', "$@", "${@}", '"$*"', "$*"}
_CHANGES_COURSE = re.compile(
    r"(?<![\w-])(?:set\s+-(?:-|\s|$)|shift|exec|exit|eval|source|return|trap|PATH\+?=|alias)(?![\w-])|(?:^|[;&|]\s*|\s)\.\s+\S",
    re.MULTILINE,
)
_TAIL = re.compile(r'^exec\s+(?:"\$@"|"\$\{@\}"|\$@)\s*$')


@dataclass(frozen=True, kw_only=True, slots=True)
class Word:
    """One word: its value where it is literal, None where the shell computes it. `source` is how it is written."""

    value: str | None
    source: str

    @property
    def is_arguments(self) -> bool:
        """True where the word stands for all arguments of the script."""
        return self.source in _ARGUMENTS


@dataclass(frozen=True, kw_only=True, slots=True)
class SimpleCommand:
    """One simple command at the top level, without its assignments and redirections.

    `only_after_success` marks the right side of ``&&``, `only_after_failure` that of ``||``.
    """

    words: tuple[Word, ...]
    line: int
    assigns_path: bool
    only_after_success: bool = False
    only_after_failure: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Script:
    """The commands of a script up to the first thing that is not a simple command.

    `complete` says that nothing else is in it: `commands` is then all the script does, one after the other.
    """

    commands: tuple[SimpleCommand, ...]
    complete: bool


class _UndecidedError(Exception):
    """The reader met something that it does not take apart."""


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.line = 1

    def peek(self) -> str:
        return self.text[self.position : self.position + 1]

    def take(self) -> str:
        character = self.peek()
        self.position += 1
        if character == "\n":
            self.line += 1
        return character

    def at_operator(self) -> bool:
        """True at ``&&`` or ``||``."""
        return self.text.startswith(("&&", "||"), self.position)

    def take_operator(self) -> str:
        """Step over ``&&`` or ``||``, if one is here."""
        if not self.at_operator():
            return ""
        self.position += 2
        return self.text[self.position - 2 : self.position]

    def skip_blanks(self) -> None:
        while True:
            if self.peek() in {" ", "\t"} and self.peek():
                self.take()
            elif self.text.startswith("\\\n", self.position):
                self.take()
                self.take()
            elif self.peek() == "#":
                while self.peek() not in {"", "\n"}:
                    self.take()
            else:
                return

    def word(self) -> Word:
        """The word at this position, quotes removed; raises for what would have to be computed with care."""
        start = self.position
        value: list[str] = []
        computed = False
        while self.peek() and self.peek() not in " \t\n;&|<>()":
            character = self.take()
            if character == "'":
                end = self.text.find("'", self.position)
                if end < 0:
                    raise _UndecidedError
                value.append(self._advance(end))
                self.take()
            elif character == '"':
                computed |= self._double_quoted(value)
            elif character == "\\":
                following = self.take()
                if following != "\n":
                    value.append(following or "\\")
            elif character in "$`":
                self._expansion(character)
                computed = True
            else:
                computed |= character in "*?[" or (character == "~" and self.position - 1 == start)
                value.append(character)
        source = self.text[start : self.position]
        return Word(value=None if computed and source != "[" else "".join(value), source=source)

    def _double_quoted(self, value: list[str]) -> bool:
        computed = False
        while True:
            character = self.take()
            if not character:
                raise _UndecidedError
            if character == '"':
                return computed
            if character == "\\":
                following = self.take()
                if following not in '$`"\\\n':
                    value.append("\\")
                if following != "\n":
                    value.append(following)
            elif character in "$`":
                self._expansion(character)
                computed = True
            else:
                value.append(character)

    def _expansion(self, opening: str) -> None:
        """Step over ``$name``, ``${…}``, ``$(…)`` and ```…```; what they give is not known here."""
        if opening == "`":
            end = self.text.find("`", self.position)
            if end < 0:
                raise _UndecidedError
            self._advance(end)
            self.take()
            return
        following = self.peek()
        if following in {"(", "{"} and following:
            closing = ")" if following == "(" else "}"
            depth = 0
            while True:
                character = self.take()
                if not character or (character in "'\\\"#" and following == "("):
                    raise _UndecidedError
                depth += (character == following) - (character == closing)
                if depth == 0:
                    return
        if following and following in "@*#?-$!0123456789":
            self.take()
            return
        while self.peek().isalnum() or self.peek() == "_":
            self.take()

    def _advance(self, end: int) -> str:
        taken = self.text[self.position : end]
        self.line += taken.count("\n")
        self.position = end
        return taken


def read_script(text: str) -> Script:
    """The simple commands of a script, in order, as far as they can be told."""
    reader = _Reader(text)
    commands: list[SimpleCommand] = []
    operator = ""
    try:
        while len(commands) < MAX_STATEMENTS:
            reader.skip_blanks()
            character = reader.peek()
            if not character:
                return Script(commands=tuple(commands), complete=True)
            if character == "\n" or (character == ";" and not operator):
                reader.take()
                continue
            command = _simple_command(reader)
            if command is not None:
                command = replace(command, only_after_success=operator == "&&", only_after_failure=operator == "||")
                commands.append(command)
            operator = reader.take_operator()
    except _UndecidedError:
        pass
    return Script(commands=tuple(commands), complete=False)


def _simple_command(reader: _Reader) -> SimpleCommand | None:
    words: list[Word] = []
    line = reader.line
    assigns_path = False
    while True:
        reader.skip_blanks()
        character = reader.peek()
        if character in {"", "\n"}:
            break
        if character == ";":
            reader.take()
            if reader.peek() == ";":
                raise _UndecidedError
            break
        if words and reader.at_operator():
            break
        if character in "&|()":
            raise _UndecidedError
        if character in "<>":
            _redirection(reader)
            continue
        word = reader.word()
        if reader.peek() in {"<", ">"} and word.source.isdigit():
            continue
        if not words and _ASSIGNMENT.match(word.source):
            assigns_path |= word.source.startswith(("PATH=", "PATH+=", "LD_"))
            continue
        if not words and (word.source in _COMPOUND or reader.peek() == "("):
            raise _UndecidedError
        words.append(word)
    if not words and not assigns_path:
        return None
    return SimpleCommand(words=tuple(words), line=line, assigns_path=assigns_path)


def _redirection(reader: _Reader) -> None:
    operator = reader.take()
    while reader.peek() in {"<", ">", "&", "|"} and reader.peek():
        operator += reader.take()
    if operator.startswith("<<"):
        # A here-document: its body would be read as commands.
        raise _UndecidedError
    reader.skip_blanks()
    reader.word()


def runs_its_arguments_last(text: str) -> bool:
    """True where the script's last line is ``exec "$@"`` and nothing before it can change what that is."""
    body = text.rstrip()
    head, _, last = body.rpartition("\n")
    if not _TAIL.match(last):
        return False
    lines = [line for line in head.split("\n") if not line.lstrip().startswith("#")]
    return _CHANGES_COURSE.search("\n".join(lines)) is None
