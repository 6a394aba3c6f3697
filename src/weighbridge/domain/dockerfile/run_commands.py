"""Lists the simple commands of a ``RUN``, with the position of each word in the file, so that an edit can be exact.

`weighbridge.domain.shell` parses the text. This module lists the commands without their structure: those of both
branches of an ``if``, of loops, of functions, and of a shell's text argument (``sh -c '…'``). The dialect is bash,
which accepts most. The text after a syntax error gives no commands.
"""

from __future__ import annotations

import functools
import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

from weighbridge.domain.dockerfile.joined_lines import JoinedText, joined_lines, unix_lines
from weighbridge.domain.late_pattern import late_pattern
from weighbridge.domain.shell import Dialect, parse_script
from weighbridge.domain.shell.syntax import (
    Case,
    Command,
    For,
    FunctionDefinition,
    Group,
    If,
    Literal,
    Loop,
    Script,
    SimpleCommand,
    Statement,
    Word,
)

_COMPUTED = frozenset("*?[]{}~")
_ASSIGNMENT = late_pattern(r"[A-Za-z_][A-Za-z0-9_]*\+?=")
_RUN = re.compile(r"\s*(?:ONBUILD\s+)?RUN(?=\s|$)\s*", re.IGNORECASE)
_FLAG = re.compile(r"--(?:\"[^\"]*\"|'[^']*'|\\.|[^\s\"'\\])*\s*")
_PREFIXES: dict[str, frozenset[str]] = {
    **dict.fromkeys(
        ["builtin", "command", "eatmydata", "exec", "fakeroot", "nohup", "stdbuf", "time", "xvfb-run"], frozenset()
    ),
    "doas": frozenset(["-u", "-C"]),
    "env": frozenset(["-u", "-C"]),
    "ionice": frozenset(["-c", "-n", "-p"]),
    "nice": frozenset(["-n"]),
    "sudo": frozenset(["-u", "-g", "-h", "-p", "-C", "-r", "-t", "-U", "-D", "-R", "-T"]),
}
"""Programs that run the rest of their words, and their options that take a value."""

_BEFORE_PROGRAM: dict[str, int] = {"gosu": 1, "su-exec": 1, "setuser": 1, "timeout": 1, "chroot": 1}
"""Programs that run the rest of their words, with the number of their own words."""

_SWITCHES_USER = frozenset(["doas", "gosu", "setuser", "su-exec", "sudo"])
_SHELLS = frozenset(["ash", "bash", "dash", "ksh", "sh", "zsh"])
_SHELL_COMMAND = late_pattern(r"-[a-zA-Z]*c")
_ASKS_PLATFORM = late_pattern(r"arch|platform|uname", re.IGNORECASE)
_RARE_PLATFORM = late_pattern(r"\b(?:linux/)?(?:arm|aarch|ppc|s390|riscv|mips|loong)", re.IGNORECASE)
_NOT_RARE = late_pattern(r"!|amd64|x86|\b386\b|\bx64\b|i[3-6]86", re.IGNORECASE)
_MAXIMUM_CACHED_CHARACTERS = 4_000
_MAXIMUM_NESTING = 3


class RunWord(NamedTuple):
    """One word: its `value` if it is literal (``None`` otherwise), its `source`, and its position in the file.

    A word with a pattern (``*.deb``) has no value, because the shell may replace it.
    """

    value: str | None
    source: str
    start: int
    end: int


@dataclass(frozen=True, kw_only=True)
class RunCommand:
    """One simple command: the program's `name` without its folder, and its `arguments`.

    `assignments` are the variables set before it; `operator` is the operator between it and the command before (``&&``,
    ``;``, a newline, …). It extends from `start` to `end`; the program's own word ends at `name_end`. `prefix` runs it
    as another user, as written (``sudo -E``). `is_nested` marks a command in the text argument of another one (``sh -c
    '…'``): its positions are exact, but the quotes around it forbid some edits. `is_of_rare_platform` marks a command
    that runs only on platforms other than amd64 (``if [ "$TARGETARCH" = arm64 ]``).
    """

    name: str
    arguments: tuple[RunWord, ...]
    assignments: tuple[tuple[str, str], ...]
    operator: str
    start: int
    name_end: int
    end: int
    prefix: str = ""
    is_nested: bool = False
    is_of_rare_platform: bool = False

    @property
    def assigned(self) -> tuple[str, ...]:
        """The names of the variables set before it."""
        return tuple(name for name, _ in self.assignments)

    @cached_property
    def values(self) -> tuple[str, ...]:
        """The values of the arguments; the source of a computed argument."""
        return tuple(word.source if word.value is None else word.value for word in self.arguments)

    def subcommand(self, *, with_value: frozenset[str] = frozenset()) -> RunWord | None:
        """The first argument that is not an option, for example ``install`` in ``apt-get -y install``."""
        skip = False
        for word in self.arguments:
            if skip:
                skip = False
            elif word.source.startswith("-"):
                skip = word.source in with_value
            else:
                return word
        return None


class RunScript(NamedTuple):
    """The commands of one ``RUN``, in order.

    `end` is the position for appending another command; `last_operator` is the ``;`` or ``&`` after the last command.
    `has_comment` means that a ``#`` hides the rest, so nothing can be appended. `is_heredoc` scripts have one command
    per line. `has_places` is false if the words are not in the file literally (exec form).
    """

    commands: tuple[RunCommand, ...]
    start: int
    end: int
    last_operator: str = ""
    has_comment: bool = False
    is_heredoc: bool = False
    has_places: bool = True

    def first(self, *names: str) -> RunCommand | None:
        """The first command that runs one of the programs `names`."""
        return next((command for command in self.commands if command.name in names), None)


def read_run(text: str, start: int, end: int, *, flags: int = 0) -> RunScript:
    """The commands of the shell-form ``RUN`` between two positions of a Dockerfile.

    `flags` is the number of its flags.
    """
    joined = joined_lines(text, start, end)
    position = match.end() if (match := _RUN.match(joined.text)) else 0
    for _ in range(flags):
        flag = _FLAG.match(joined.text, position)
        if flag is None:
            break
        position = flag.end()
    return _read(joined, position, is_heredoc=False)


def read_heredoc(text: str, start: int, end: int) -> RunScript:
    """The commands of the here-document between two positions of a Dockerfile."""
    return _read(unix_lines(text, start, end), 0, is_heredoc=True)


def exec_form(words: tuple[str, ...]) -> RunScript:
    """An instruction in exec form as a script of one command, which cannot be edited."""
    found = [RunWord(value=word, source=word, start=0, end=0) for word in words]
    commands = [_command(found, [], "")] if found else []
    if commands and commands[0].name in _SHELLS and len(words) > 2 and _SHELL_COMMAND.fullmatch(words[1]):
        inner = _read(joined_lines(words[2], 0, len(words[2])), 0, is_heredoc=False, depth=1)
        commands += [replace(_without_places(one), is_nested=True) for one in inner.commands]
    return RunScript(commands=tuple(commands), start=0, end=0, has_places=False)


def _read(joined: JoinedText, begin: int, *, is_heredoc: bool, depth: int = 0) -> RunScript:
    reader = _Reader(joined, begin, depth=depth)
    text = joined.text[begin:]
    script = _parsed(text)
    commands = tuple(reader.commands(script.statements))
    has_comment = script.comment is not None and not is_heredoc
    shown = (text if script.comment is None else text[: script.comment]).rstrip()
    start = commands[0].start if commands else joined.place(begin)
    return RunScript(
        commands=commands,
        start=start,
        end=joined.end_place(begin + len(shown)) if shown else start,
        last_operator=shown[-1] if shown[-1:] in {";", "&"} and not shown.endswith("\\;") else "",
        has_comment=has_comment,
        is_heredoc=is_heredoc,
    )


def _parsed(text: str) -> Script:
    """The syntax tree of `text`. Dockerfiles of one repository repeat their commands: short texts are parsed once."""
    return _parsed_once(text) if len(text) <= _MAXIMUM_CACHED_CHARACTERS else parse_script(text, Dialect.BASH)


@functools.lru_cache(maxsize=2_000)
def _parsed_once(text: str) -> Script:
    return parse_script(text, Dialect.BASH)


class _Reader:
    """Lists the simple commands of a syntax tree whose text begins at `begin` of `joined`.

    The parser bounds the depth of the tree. `depth` counts the shells around the text (``bash -c '…'``).
    """

    def __init__(self, joined: JoinedText, begin: int, *, depth: int) -> None:
        self._joined = joined
        self._begin = begin
        self._depth = depth

    def commands(self, statements: Iterable[Statement]) -> Iterator[RunCommand]:
        """The simple commands of `statements`, in the order of the text."""
        return self._of_statements(statements, "")

    def _of_statements(self, statements: Iterable[Statement], operator: str) -> Iterator[RunCommand]:
        for statement in statements:
            for joint, pipeline in ((operator, statement.first), *statement.others):
                before = joint
                for command in pipeline.commands:
                    yield from self._of_command(command, before)
                    before = "|"
            operator = "&" if statement.is_background else ";"

    def _of_command(self, command: Command, operator: str) -> Iterator[RunCommand]:
        if isinstance(command, SimpleCommand):
            yield from self._simple(command, operator)
            return
        for condition, statements in _bodies(command):
            found = list(self._of_statements(statements, operator))
            is_rare = bool(found) and condition != "" and _is_rare_platform(condition)
            yield from (replace(one, is_of_rare_platform=True) for one in found) if is_rare else found
            operator = ";"
        if isinstance(command, FunctionDefinition):
            yield from self._of_command(command.body, operator)

    def _simple(self, command: SimpleCommand, operator: str) -> Iterator[RunCommand]:
        assignments = [
            (one.name, _value(one.value) or one.value.source, self._place(one.start))
            for one in command.assignments
            if one.value is not None
        ]
        words = [self._word(word) for word in command.words]
        if not words and not assignments:
            return
        found = _command(words, assignments, operator)
        yield found
        if found.name in _SHELLS or found.name in {"eval", "su"}:
            yield from self._nested(found, command.words)

    def _place(self, position: int) -> int:
        return self._joined.place(self._begin + position)

    def _word(self, word: Word) -> RunWord:
        return RunWord(
            value=_value(word),
            source=word.source,
            start=(start := self._place(word.start)),
            end=(
                start + word.end - word.start
                if self._joined.is_whole
                else self._joined.end_place(self._begin + word.end)
            ),
        )

    def _nested(self, command: RunCommand, words: tuple[Word, ...]) -> Iterator[RunCommand]:
        """The commands in the text argument of a shell (``bash -c '…'``, ``su user -c "…"``, ``eval '…'``)."""
        arguments = words[len(words) - len(command.arguments) :]
        at = 0
        if command.name != "eval":
            options = (index for index, word in enumerate(arguments) if _SHELL_COMMAND.fullmatch(word.source))
            at = next(options, len(arguments)) + 1
        if self._depth >= _MAXIMUM_NESTING or at >= len(arguments):
            return
        given = arguments[at]
        if given.source[:1] not in {"'", '"'} or given.source[-1:] != given.source[:1] or len(given.source) < 3:
            return
        inner = parse_script(
            self._joined.text[self._begin + given.start + 1 : self._begin + given.end - 1], Dialect.BASH
        )
        reader = _Reader(self._joined, self._begin + given.start + 1, depth=self._depth + 1)
        prefix = command.prefix or ("su" if command.name == "su" else "")
        for one in reader.commands(inner.statements):
            yield replace(one, is_nested=True, prefix=one.prefix or prefix)


def _bodies(command: Command) -> Iterator[tuple[str, tuple[Statement, ...]]]:
    """The lists of statements in a compound command, in the order of the text, each with the words of its condition."""
    match command:
        case Group():
            yield "", command.body
        case If():
            for branch in command.branches:
                yield "", branch.condition
                yield _words_of(branch.condition), branch.body
            yield "", command.otherwise
        case Loop():
            yield "", command.condition
            yield "", command.body
        case For():
            yield "", command.body
        case Case():
            for item in command.items:
                patterns = " = ".join(word.source for word in item.patterns)
                yield f"{command.subject.source} = {patterns}", item.body
        case _:
            return


def _words_of(condition: tuple[Statement, ...]) -> str:
    """The words of the simple commands of a condition."""
    pipelines = (one for statement in condition for one in (statement.first, *(two for _, two in statement.others)))
    commands = (one for pipeline in pipelines for one in pipeline.commands)
    return " ".join(word.source for one in commands if isinstance(one, SimpleCommand) for word in one.words)


def _is_rare_platform(condition: str) -> bool:
    """True if a condition asks for the platform, and names only others than amd64."""
    return (
        _ASKS_PLATFORM.search(condition) is not None
        and _RARE_PLATFORM.search(condition) is not None
        and "=" in condition
        and _NOT_RARE.search(condition) is None
    )


def _value(word: Word) -> str | None:
    """The text of a word that the shell neither computes nor may use as a pattern."""
    if len(word.parts) == 1 and isinstance(word.parts[0], Literal):
        part = word.parts[0]
        return part.text if part.is_quoted or _COMPUTED.isdisjoint(part.text) else None
    if any(isinstance(one, Literal) and not one.is_quoted and not _COMPUTED.isdisjoint(one.text) for one in word.parts):
        return None
    return word.literal


def _without_places(command: RunCommand) -> RunCommand:
    words = tuple(word._replace(start=0, end=0) for word in command.arguments)
    return replace(command, arguments=words, start=0, name_end=0, end=0)


def _command(words: list[RunWord], assigned: list[tuple[str, str, int]], operator: str) -> RunCommand:
    """The words as a command, without the words before its program: ``sudo``, ``env`` and similar."""
    assignments = [(name, value) for name, value, _ in assigned]
    start = min([place for _, _, place in assigned] + [word.start for word in words[:1]])
    prefix: list[str] = []
    index = 0
    last = len(words) - 1
    while index < last:
        source = words[index].source
        if source in _PREFIXES or source in _BEFORE_PROGRAM:
            begin = index
            index = _last_of_prefix(words, index)
            if source in _SWITCHES_USER:
                prefix += [word.source for word in words[begin : index + 1]]
        elif _ASSIGNMENT.match(source):
            name, _, value = source.partition("=")
            assignments.append((name.rstrip("+"), value.strip("\"'")))
        else:
            break
        index += 1
    program = words[index] if words else None
    return RunCommand(
        name="" if program is None else posixpath.basename(program.value or program.source),
        arguments=tuple(words[index + 1 :]),
        assignments=tuple(assignments),
        operator=operator,
        start=start,
        name_end=start if program is None else program.end,
        end=words[-1].end if words else start,
        prefix=" ".join(prefix),
    )


def _last_of_prefix(words: list[RunWord], index: int) -> int:
    """The index of the last word of the prefix at `index`; leaves at least one word for a program."""
    name = words[index].source
    with_value = _PREFIXES.get(name, frozenset())
    last = len(words) - 2
    while index < last and words[index + 1].source.startswith("-"):
        index += 2 if words[index + 1].source in with_value else 1
    return min(index + _BEFORE_PROGRAM.get(name, 0), last)
