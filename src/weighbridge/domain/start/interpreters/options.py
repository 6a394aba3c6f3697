"""Parses command lines like ``getopt``: clusters of letters, values attached or in the next word, ``--``."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True, slots=True)
class Grammar:
    """The options of one program.

    Letters of `flags` take no value. Those of `values` take the rest of their word, or the next word. Those of
    `attached` take only the rest of their word, which may be empty. Those of `last` take a value like `values`, and end
    the options. Long options include their dashes; `long_flags` may end in ``*``. `long_equals` accepts every unknown
    ``--name=value``.
    """

    flags: str = ""
    values: str = ""
    attached: str = ""
    last: str = ""
    long_flags: tuple[str, ...] = ()
    long_values: tuple[str, ...] = ()
    long_equals: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class CommandLine:
    """The options of a command with their values, and its operands. `unknown` is the first unknown option."""

    options: tuple[tuple[str, str | None], ...] = ()
    operands: tuple[str, ...] = ()
    unknown: str | None = None

    def has(self, *names: str) -> bool:
        """True if one of the options is set."""
        return any(name in names for name, _ in self.options)

    def values(self, *names: str) -> tuple[str, ...]:
        """The values of the options with these names, in order."""
        return tuple(value for name, value in self.options if name in names and value is not None)


@dataclass(slots=True)
class _Reading:
    grammar: Grammar
    words: list[str]
    options: list[tuple[str, str | None]] = field(default_factory=list)

    def next_word(self) -> str | None:
        return self.words.pop(0) if self.words else None


def read_options(words: tuple[str, ...], grammar: Grammar) -> CommandLine:
    """Parse the options of `words` (without the program's name). Options end at the first operand."""
    reading = _Reading(grammar, list(words))
    while reading.words and reading.words[0].startswith("-") and reading.words[0] != "-":
        word = reading.words.pop(0)
        if word == "--":
            break
        known = _long(reading, word)
        if known is None and not word.startswith("--"):
            known, ends = _cluster(reading, word)
            if ends:
                break
        if not known:
            return CommandLine(options=tuple(reading.options), operands=tuple(reading.words), unknown=word)
    return CommandLine(options=tuple(reading.options), operands=tuple(reading.words))


def _long(reading: _Reading, word: str) -> bool | None:
    """Read a long option; None if the grammar does not have it."""
    grammar = reading.grammar
    name, equals, value = word.partition("=")
    if name in grammar.long_values:
        reading.options.append((name, value if equals else reading.next_word()))
        return True
    if any(name == flag or (flag.endswith("*") and name.startswith(flag[:-1])) for flag in grammar.long_flags):
        reading.options.append((name, value if equals else None))
        return True
    if equals and grammar.long_equals and word.startswith("--"):
        reading.options.append((name, value))
        return True
    return None


def _cluster(reading: _Reading, word: str) -> tuple[bool, bool]:
    """Read a cluster of letters; returns whether all are known, and whether the options end with it."""
    grammar = reading.grammar
    for position, letter in enumerate(word[1:], start=1):
        rest = word[position + 1 :]
        name = f"-{letter}"
        if letter in grammar.last or letter in grammar.values:
            reading.options.append((name, rest or reading.next_word()))
            return True, letter in grammar.last
        if letter in grammar.attached:
            reading.options.append((name, rest))
            return True, False
        if letter not in grammar.flags:
            return False, False
        reading.options.append((name, None))
    return True, False
