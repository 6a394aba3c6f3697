"""Reads the variables of Compose's ``.env`` file, for definitions that are read without buildx.

Source: docs.docker.com, "Syntax for environment files in Docker Compose". Values over several lines are not read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

_MAXIMUM_VARIABLES = 1_000
_MAXIMUM_VALUE_CHARACTERS = 1_000
_NAME = re.compile(r"\s*(?:export\s+)?(?P<name>[A-Za-z_]\w*)\s*[=:]\s*", re.ASCII)
_QUOTED = re.compile(r"'(?P<literal>[^']*)'|\"(?P<quoted>(?:[^\"\\]|\\.)*)\"")
_COMMENT = re.compile(r"\s#", re.ASCII)
_SPACE = " \t\n\r\f\v"
_ESCAPE = re.compile(r"\\(.)")
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t"}


def dotenv_variables(data: bytes, interpolate: Callable[[str, Mapping[str, str]], str]) -> dict[str, str]:
    """The variables of a file, by name. `interpolate` replaces earlier variables in values that are not literal."""
    found: dict[str, str] = {}
    for line in data.decode("utf-8", "replace").removeprefix("\ufeff").split("\n"):
        match = _NAME.match(line)
        if match is None or len(found) >= _MAXIMUM_VARIABLES:
            continue
        rest = line[match.end() :]
        quoted = _QUOTED.match(rest)
        if quoted is None or _without_comment(rest[quoted.end() :]):
            value = interpolate(_without_comment(rest), found)
        elif quoted["literal"] is not None:
            value = quoted["literal"]
        else:
            value = _ESCAPE.sub(lambda one: _ESCAPED.get(one[1], one[1]), interpolate(quoted["quoted"], found))
        found[match["name"]] = value[:_MAXIMUM_VALUE_CHARACTERS]
    return found


def _without_comment(text: str) -> str:
    """`text` before a ``#`` behind white space. In steps, because one pattern for a whole line is quadratic."""
    return _COMMENT.split(text, maxsplit=1)[0].rstrip(_SPACE)
