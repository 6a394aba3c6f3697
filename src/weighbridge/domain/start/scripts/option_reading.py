"""``getopts`` of POSIX XCU: reads one option of the arguments at a time."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class OptionRead:
    """The result of one call: the option's name, its argument, the next ``OPTIND``, and the position in a cluster.

    At the end of the options `name` is ``?`` and `is_end` is set.
    """

    name: str
    argument: str | None
    index: int
    place: int
    is_end: bool = False


def read_option(options: str, arguments: tuple[str | None, ...], index: int, place: int) -> OptionRead | None:
    """The option at `index` (from 1) and, in a cluster, at `place`; None if an argument is unknown."""
    if place == 0:
        if index > len(arguments):
            return OptionRead(name="?", argument=None, index=index, place=0, is_end=True)
        word = arguments[index - 1]
        if word is None:
            return None
        if word == "--" or not word.startswith("-") or word == "-":
            return OptionRead(name="?", argument=None, index=index + (word == "--"), place=0, is_end=True)
        place = 1
    elif index > len(arguments) or arguments[index - 1] is None:
        return None
    word = arguments[index - 1] or ""
    if place >= len(word):
        return None
    letter, is_silent = word[place], options.startswith(":")
    place += 1
    at = options.find(letter) if letter != ":" else -1
    if at >= 0 and options[at + 1 : at + 2] == ":":
        if place < len(word):
            return OptionRead(name=letter, argument=word[place:], index=index + 1, place=0)
        if index < len(arguments):
            return OptionRead(name=letter, argument=arguments[index], index=index + 2, place=0)
        name = ":" if is_silent else "?"
        return OptionRead(name=name, argument=letter if is_silent else None, index=index + 1, place=0)
    if place >= len(word):
        index, place = index + 1, 0
    if at < 0:
        return OptionRead(name="?", argument=letter if is_silent else None, index=index, place=place)
    return OptionRead(name=letter, argument=None, index=index, place=place)
