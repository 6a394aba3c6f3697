"""The syntax of nginx's configuration: words, ``;``, blocks, quotes and comments.

Source: src/core/ngx_conf_file.c, ``ngx_conf_read_token``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

_MAX_DIRECTIVES = 5000
_SPACE = " \t\r\n"


@dataclass(frozen=True, kw_only=True, slots=True)
class Directive:
    """One directive with its arguments. It opens a block, or is the end of one (then `words` is empty)."""

    words: tuple[str, ...]
    line: int
    opens: bool = False
    closes: bool = False

    @property
    def name(self) -> str:
        """The first word; empty for the end of a block."""
        return self.words[0] if self.words else ""


class NginxSyntaxError(Exception):
    """The text is no configuration. The message is nginx's own, without the file and the line."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


def directives(text: str, *, end: str = "file") -> Iterator[Directive]:
    """The directives of a text in order, at most 5,000.

    Raises:
        NginxSyntaxError: nginx refuses the text. `end` is how nginx calls the end of it: ``parameter`` for ``-g``.

    """
    words: list[str] = []
    depth = count = 0
    for mark, line, is_word in _tokens(text, end):
        if is_word:
            words.append(mark)
            continue
        if (mark == "}" and (words or depth == 0)) or (mark in ";{" and not words):
            raise NginxSyntaxError(f'unexpected "{mark}"', line)
        yield Directive(words=tuple(words), line=line, opens=mark == "{", closes=mark == "}")
        depth += {"{": 1, "}": -1}.get(mark, 0)
        words = []
        count += 1
        if count >= _MAX_DIRECTIVES:
            return
    line = text.count("\n") + 1
    if words:
        expected = '";" or "}"' if end == "file" else '";"'
        raise NginxSyntaxError(f"unexpected end of {end}, expecting {expected}", line)
    if depth:
        raise NginxSyntaxError(f'unexpected end of {end}, expecting "}}"', line)


def _tokens(text: str, end: str) -> Iterator[tuple[str, int, bool]]:
    """Each word and each of ``;{}``, with its line, and whether it is a word."""
    position, line = 0, 1
    while position < len(text):
        letter = text[position]
        if letter in _SPACE:
            line += letter == "\n"
            position += 1
        elif letter == "#":
            stop = text.find("\n", position)
            position = len(text) if stop < 0 else stop
        elif letter in ";{}":
            yield letter, line, False
            position += 1
        elif letter in "\"'":
            stop = _end_of_quote(text, position)
            if stop < 0:
                expected = '";" or "}"' if end == "file" else '";"'
                raise NginxSyntaxError(f"unexpected end of {end}, expecting {expected}", text.count("\n") + 1)
            word = text[position + 1 : stop]
            yield word, line, True
            line += word.count("\n")
            position = stop + 1
            if position < len(text) and text[position] not in _SPACE + ";{)":
                raise NginxSyntaxError(f'unexpected "{text[position]}"', line)
        else:
            stop = _end_of_word(text, position)
            yield text[position:stop], line, True
            position = stop


def _end_of_quote(text: str, start: int) -> int:
    position = start + 1
    while position < len(text):
        if text[position] == "\\":
            position += 2
        elif text[position] == text[start]:
            return position
        else:
            position += 1
    return -1


def _end_of_word(text: str, start: int) -> int:
    """Where a word without quotes ends. The brace of ``${name}`` belongs to the word."""
    position = start
    while position < len(text):
        letter = text[position]
        if letter == "\\":
            position += 2
            continue
        if letter == "{" and position > start and text[position - 1] == "$":
            stop = text.find("}", position)
            position = len(text) if stop < 0 else stop + 1
            continue
        if letter in _SPACE or letter in ";{":
            break
        position += 1
    return min(position, len(text))
