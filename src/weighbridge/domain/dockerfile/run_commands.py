"""The commands of a ``RUN``, each word with its place in the file, so that an edit can be exact.

A tolerant reader: an unsupported construct becomes a word without a value, and no rule acts on
such a word. Its cost is linear: every alternative of the pattern is bounded.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, replace

_TOKEN = re.compile(
    r"""
    (?P<continuation>\\[ \t]*\r?\n(?:[ \t]*(?:\#[^\n]*)?\r?\n)*(?:[ \t]*\#[^\n]*\r?\n)*)
  | (?P<blank>[ \t\r]+)
  | (?P<newline>\n)
  | (?P<redirect>(?:&>>?|[0-9]{0,3}(?:<<<|<<-?|>>|>&|<&|>\||<>|<|>)))
  | (?P<operator>&&|\|\||;;|\|&|[;&|()])
  | (?P<word>(?:
        '[^']{0,65535}'
      | "(?:[^"\\]|\\[\s\S]){0,65535}"
      | \$\((?:[^()\n]|\([^()\n]{0,2000}\)){0,2000}\)
      | \$\{[^}\n]{0,500}\}
      | `[^`\n]{0,2000}`
      | \\[^\r\n]
      | [^\s'"\\;&|()<>`$]
      | ["'\\`$]
    )(?:
        '[^']{0,65535}'
      | "(?:[^"\\]|\\[\s\S]){0,65535}"
      | \$\((?:[^()\n]|\([^()\n]{0,2000}\)){0,2000}\)
      | \$\{[^}\n]{0,500}\}
      | `[^`\n]{0,2000}`
      | \\(?![ \t]*\r?\n)[^\r\n]
      | [^\s'"\\;&|()<>`$]
      | ["'`$]
    )*)
    """,
    re.VERBOSE,
)
_PLAIN = re.compile(r"[^'\"\\$`*?\[\]{}~]*")
_QUOTED = re.compile(r"'([^']*)'|\"([^\"\\$`]*)\"")
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\+?=")
_KEYWORDS = frozenset(["!", "do", "elif", "else", "if", "then", "time", "until", "while", "{"])
_PREFIXES: dict[str, frozenset[str]] = {
    **dict.fromkeys(
        ["builtin", "command", "eatmydata", "exec", "fakeroot", "nohup", "stdbuf", "xvfb-run"], frozenset()
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
_SHELL_COMMAND = re.compile(r"-[a-zA-Z]*c")
_MAXIMUM_NESTING = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Word:
    """One word: its `value` where it is literal (else ``None``), and where it stands in the file."""

    value: str | None
    source: str
    start: int
    end: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """One simple command: the program's `name` without its folder, and its `arguments`.

    `assignments` are the variables set before it, `operator` is what stands between it and the command before
    (``&&``, ``;``, a newline, …). It reaches from `start` to `end`; the program's own word ends at `name_end`.
    `prefix` is what runs it as another user, as written (``sudo -E``). A nested command stands in the text that
    another one is given (``sh -c '…'``): `is_nested`; its places are exact, but quotes around it forbid some edits.
    """

    name: str
    arguments: tuple[Word, ...]
    assignments: tuple[tuple[str, str], ...]
    operator: str
    start: int
    name_end: int
    end: int
    prefix: str = ""
    is_nested: bool = False

    @property
    def assigned(self) -> tuple[str, ...]:
        """The names of the variables set before it."""
        return tuple(name for name, _ in self.assignments)

    @property
    def values(self) -> tuple[str, ...]:
        """The arguments as they are; one that the shell computes as it is written."""
        return tuple(word.source if word.value is None else word.value for word in self.arguments)

    def subcommand(self, *, with_value: frozenset[str] = frozenset()) -> Word | None:
        """The first argument that is no option, as ``install`` in ``apt-get -y install``."""
        skip = False
        for word in self.arguments:
            if skip:
                skip = False
            elif word.source.startswith("-"):
                skip = word.source in with_value
            else:
                return word
        return None


@dataclass(frozen=True, kw_only=True, slots=True)
class Script:
    """The commands of one ``RUN``, in order.

    `end` is where another command could be appended; `last_operator` what stands after the last command, and
    `has_comment` says that a ``#`` hides the rest, so that nothing can be appended. `is_heredoc` scripts have one
    command a line. `has_places` is false where the words are not in the file as they stand (exec form).
    """

    commands: tuple[Command, ...]
    start: int
    end: int
    last_operator: str = ""
    has_comment: bool = False
    is_heredoc: bool = False
    has_places: bool = True

    def first(self, *names: str) -> Command | None:
        """The first command that runs one of the programs `names`."""
        return next((command for command in self.commands if command.name in names), None)


def read_commands(text: str, start: int, end: int, *, is_heredoc: bool = False) -> Script:
    """The commands of the shell text between two places of a Dockerfile.

    Outside a here-document continuation lines are joined and comment lines between them dropped, as BuildKit does.
    Commands in the text that a shell is given with ``-c`` follow the command that runs it.
    """
    return _read(text, start, end, is_heredoc=is_heredoc, depth=0)


def _read(text: str, start: int, end: int, *, is_heredoc: bool, depth: int) -> Script:
    commands: list[Command] = []
    words: list[Word] = []
    operator = last_operator = ""
    position = last_end = start
    expects_target = has_comment = False
    while position < end:
        match = _TOKEN.match(text, position, end)
        if match is None:
            position += 1
            continue
        kind, at, position = match.lastgroup, position, match.end()
        if kind == "word" and text[at] == "#" and not expects_target:
            newline = text.find("\n", at, end)
            has_comment |= not is_heredoc
            if not is_heredoc or newline < 0:
                break
            position = newline
        elif kind == "redirect":
            expects_target, last_end = True, position
        elif kind == "word":
            last_end, last_operator = position, ""
            if not expects_target:
                words.append(_word(text[at:position], at))
            expects_target = False
        elif kind == "operator" or (kind == "newline" and is_heredoc):
            if words:
                _take(commands, text, _command(words, operator), depth)
            operator = "\n" if kind == "newline" else match.group()
            if kind == "operator":
                last_end, last_operator = position, "" if operator == ")" else operator
            words, expects_target = [], False
    if words:
        _take(commands, text, _command(words, operator), depth)
    return Script(
        commands=tuple(commands),
        start=start,
        end=last_end,
        last_operator=last_operator,
        has_comment=has_comment,
        is_heredoc=is_heredoc,
    )


def _take(commands: list[Command], text: str, command: Command, depth: int) -> None:
    commands.append(command)
    if command.name in _SHELLS or command.name in {"eval", "su"}:
        commands.extend(_nested(text, command, depth))


def without_leading(text: str, script: Script, count: int) -> Script:
    """`script` without the first `count` words of its first command, read anew (``RUN`` and its flags)."""
    first, *rest = script.commands
    words = [Word(value=first.name, source=first.name, start=first.start, end=first.name_end), *first.arguments][count:]
    commands: list[Command] = []
    if words:
        _take(commands, text, _command(words, ""), 0)
    commands += rest
    return Script(
        commands=tuple(commands),
        start=words[0].start if words else script.start,
        end=script.end,
        last_operator=script.last_operator,
        has_comment=script.has_comment,
        is_heredoc=script.is_heredoc,
    )


def exec_form(words: tuple[str, ...]) -> Script:
    """An instruction in exec form as a script of one command that cannot be edited."""
    found = [Word(value=word, source=word, start=0, end=0) for word in words]
    commands = [_command(found, "")] if found else []
    if commands and commands[0].name in _SHELLS and len(words) > 2 and _SHELL_COMMAND.fullmatch(words[1]):
        inner = _read(words[2], 0, len(words[2]), is_heredoc=False, depth=1)
        commands += [replace(_without_places(one), is_nested=True) for one in inner.commands]
    return Script(commands=tuple(commands), start=0, end=0, has_places=False)


def _without_places(command: Command) -> Command:
    words = tuple(replace(word, start=0, end=0) for word in command.arguments)
    return replace(command, arguments=words, start=0, name_end=0, end=0)


def _word(source: str, start: int) -> Word:
    value: str | None = None
    if _PLAIN.fullmatch(source):
        value = source
    elif match := _QUOTED.fullmatch(source):
        value = match[1] if match[1] is not None else match[2]
    return Word(value=value, source=source, start=start, end=start + len(source))


def _command(words: list[Word], operator: str) -> Command:
    """The words as a command, without what stands before its program: keywords, assignments, ``sudo`` and its kin."""
    assignments = []
    prefix: list[str] = []
    index = 0
    last = len(words) - 1
    while index < last:
        source = words[index].source
        if _ASSIGNMENT.match(source):
            assignments.append(_assignment(words[index]))
        elif source in _PREFIXES or source in _BEFORE_PROGRAM:
            begin = index
            index = _last_of_prefix(words, index)
            if source in _SWITCHES_USER:
                prefix += [word.source for word in words[begin : index + 1]]
        elif source not in _KEYWORDS:
            break
        index += 1
    program = words[index]
    if _ASSIGNMENT.match(program.source):
        assignments.append(_assignment(program))
    return Command(
        name=posixpath.basename(program.value or program.source),
        arguments=tuple(words[index + 1 :]),
        assignments=tuple(assignments),
        operator=operator,
        start=words[0].start,
        name_end=program.end,
        end=words[-1].end,
        prefix=" ".join(prefix),
    )


def _last_of_prefix(words: list[Word], index: int) -> int:
    """The place of the last word that belongs to the prefix at `index`; one word at least is left for a program."""
    name = words[index].source
    with_value = _PREFIXES.get(name, frozenset())
    last = len(words) - 2
    while index < last and words[index + 1].source.startswith("-"):
        index += 2 if words[index + 1].source in with_value else 1
    return min(index + _BEFORE_PROGRAM.get(name, 0), last)


def _assignment(word: Word) -> tuple[str, str]:
    """The name and the value of ``NAME=value``, the value as far as it is literal (else as written)."""
    name, _, value = word.source.partition("=")
    found = _QUOTED.fullmatch(value)
    return name.rstrip("+"), value if found is None else (found[1] if found[1] is not None else found[2])


def _nested(text: str, command: Command, depth: int) -> list[Command]:
    """The commands of the text that a shell is given (``bash -c '…'``, ``su user -c "…"``, ``eval '…'``)."""
    if depth >= _MAXIMUM_NESTING:
        return []
    given: Word | None = None
    if command.name in _SHELLS or command.name == "su":
        at = next((i for i, word in enumerate(command.arguments) if _SHELL_COMMAND.fullmatch(word.source)), None)
        given = command.arguments[at + 1] if at is not None and at + 1 < len(command.arguments) else None
    elif command.name == "eval":
        given = next(iter(command.arguments), None)
    if given is None or given.source[:1] not in {"'", '"'} or given.end - given.start < 3:
        return []
    inner = _read(text, given.start + 1, given.end - 1, is_heredoc=False, depth=depth + 1)
    prefix = command.prefix or ("su" if command.name == "su" else "")
    return [replace(one, is_nested=True, prefix=one.prefix or prefix) for one in inner.commands]
