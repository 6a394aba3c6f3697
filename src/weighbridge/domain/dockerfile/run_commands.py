"""The commands of a ``RUN``, each word with its place in the file, so that an edit can be exact.

A reader that is tolerant on purpose: what it does not understand becomes a word without a value, and no rule acts on
such a word. Its cost is linear: every alternative of the pattern is bounded.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass

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
_PREFIXES = frozenset(["command", "eatmydata", "env", "exec", "ionice", "nice", "sudo"])


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

    `assigned` are the names of the variables set before it, `operator` is what stands between it and the command
    before (``&&``, ``;``, a newline, …). It reaches from `start` to `end`; the program's own word ends at `name_end`.
    """

    name: str
    arguments: tuple[Word, ...]
    assigned: tuple[str, ...]
    operator: str
    start: int
    name_end: int
    end: int

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
    """
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
                commands.append(_command(words, operator))
            operator = "\n" if kind == "newline" else match.group()
            if kind == "operator":
                last_end, last_operator = position, "" if operator == ")" else operator
            words, expects_target = [], False
    if words:
        commands.append(_command(words, operator))
    return Script(
        commands=tuple(commands),
        start=start,
        end=last_end,
        last_operator=last_operator,
        has_comment=has_comment,
        is_heredoc=is_heredoc,
    )


def without_leading(script: Script, count: int) -> Script:
    """`script` without the first `count` words of its first command, read anew (``RUN`` and its flags)."""
    first, *rest = script.commands
    words = [Word(value=first.name, source=first.name, start=first.start, end=first.name_end), *first.arguments][count:]
    commands = ([_command(words, "")] if words else []) + rest
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
    return Script(commands=(_command(found, ""),) if found else (), start=0, end=0, has_places=False)


def _word(source: str, start: int) -> Word:
    value: str | None = None
    if _PLAIN.fullmatch(source):
        value = source
    elif match := _QUOTED.fullmatch(source):
        value = match[1] if match[1] is not None else match[2]
    return Word(value=value, source=source, start=start, end=start + len(source))


def _command(words: list[Word], operator: str) -> Command:
    """The words as a command, without what stands before its program: keywords, assignments, ``sudo`` and its kin."""
    assigned = []
    index = 0
    while index < len(words) - 1:
        source = words[index].source
        if _ASSIGNMENT.match(source):
            assigned.append(source.partition("=")[0].rstrip("+"))
        elif source in _PREFIXES:
            while index + 1 < len(words) - 1 and words[index + 1].source.startswith("-"):
                index += 1
        elif source not in _KEYWORDS:
            break
        index += 1
    program = words[index]
    if _ASSIGNMENT.match(program.source):
        assigned.append(program.source.partition("=")[0])
    return Command(
        name=posixpath.basename(program.value or program.source),
        arguments=tuple(words[index + 1 :]),
        assigned=tuple(assigned),
        operator=operator,
        start=words[0].start,
        name_end=program.end,
        end=words[-1].end,
    )
