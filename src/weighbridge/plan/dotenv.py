"""Reads the variables of Compose's ``.env`` file, for definitions that are read without buildx.

Source: docs.docker.com, "Syntax for environment files in Docker Compose". Values over several lines are not read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

_MAXIMUM_VARIABLES = 1_000
_MAXIMUM_VALUE_CHARACTERS = 1_000
_LINE = re.compile(
    r"\s*(?:export\s+)?(?P<name>[A-Za-z_]\w*)\s*[=:]\s*"
    r"(?:'(?P<literal>[^']*)'|\"(?P<quoted>(?:[^\"\\]|\\.)*)\"|(?P<plain>.*?))(?:\s+#.*)?\s*",
    re.ASCII,
)
_ESCAPE = re.compile(r"\\(.)")
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t"}


def dotenv_variables(data: bytes, interpolate: Callable[[str, Mapping[str, str]], str]) -> dict[str, str]:
    """The variables of a file, by name. `interpolate` replaces earlier variables in values that are not literal."""
    found: dict[str, str] = {}
    for line in data.decode("utf-8", "replace").removeprefix("\ufeff").split("\n"):
        match = _LINE.fullmatch(line.rstrip("\r"))
        if match is None or len(found) >= _MAXIMUM_VARIABLES:
            continue
        if match["literal"] is not None:
            value = match["literal"]
        else:
            text = match["plain"] if match["quoted"] is None else match["quoted"]
            value = interpolate(text, found)
            if match["quoted"] is not None:
                value = _ESCAPE.sub(lambda one: _ESCAPED.get(one[1], one[1]), value)
        found[match["name"]] = value[:_MAXIMUM_VALUE_CHARACTERS]
    return found
