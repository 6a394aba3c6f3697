"""The options of Python's command-line tools, read from their installed source.

A long option whose literal is in none of a tool's command-line modules does not exist. The text from the literal to the
next option says whether its value is an integer or an existing path. Nothing is imported or executed.

Sources: argparse (``gunicorn/config.py``, ``hypercorn/__main__.py``, ``daphne/cli.py``) and click
(``uvicorn/main.py``, ``flask/cli.py``, ``celery/bin``). The messages were recorded from gunicorn 26, uvicorn 0.54,
flask 3, celery 5, hypercorn 0.18 and daphne 4.
"""

from __future__ import annotations

import enum
import itertools
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass

from weighbridge.domain.image.rootfs import LookupFailure
from weighbridge.domain.start.interpreters.python_modules import find_module
from weighbridge.domain.start.interpreters.reading import Reading
from weighbridge.domain.start.interpreters.view import View


class _Parser(enum.Enum):
    """The library that parses the command line."""

    ARGPARSE = "argparse"
    CLICK = "click"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Source:
    """The modules with a tool's options, relative to its package."""

    parser: _Parser
    files: tuple[str, ...]


_SOURCES: Mapping[str, _Source] = {
    "gunicorn": _Source(parser=_Parser.ARGPARSE, files=("config.py",)),
    "hypercorn": _Source(parser=_Parser.ARGPARSE, files=("__main__.py",)),
    "daphne": _Source(parser=_Parser.ARGPARSE, files=("cli.py",)),
    "uvicorn": _Source(parser=_Parser.CLICK, files=("main.py",)),
    "flask": _Source(parser=_Parser.CLICK, files=("cli.py",)),
    "celery": _Source(
        parser=_Parser.CLICK, files=tuple(f"bin/{name}.py" for name in ("celery", "base", "worker", "beat", "events"))
    ),
}
_HELP = frozenset({"-h", "--help", "-v", "--version", "-V"})
_SEPARATOR = re.compile(r"\nclass |\.option\(|add_argument\(|Option\(")
_INTEGER = re.compile(r"\s*[-+]?[0-9][0-9_]*\s*")
_IS_INTEGER = re.compile(r"\btype ?= ?int\b|\bdefault=[0-9]+\b")
_IS_FLAG = re.compile(r"store_(?:true|false|const)|is_flag=True|\bcount=True")
_MAX_SOURCE_BYTES = 512 * 1024
_MAX_OPTIONS = 60
_MAX_BLOCK_CHARACTERS = 1500
_MAX_BLOCKS = 8


def read_operands(
    view: View, tool: str, words: tuple[str, ...], folders: tuple[str, ...]
) -> tuple[str, ...] | Reading | None:
    """The words that are no options or their values; None if the tool's source is not there.

    A `Reading` says how the first option that the tool does not accept ends it.
    """
    source = _SOURCES.get(tool)
    text = _text(view, tool, source.files, folders) if source is not None else ""
    if source is None or not text:
        return None
    rest = list(words)
    operands: list[str] = []
    options = 0
    while rest:
        word = rest.pop(0)
        if word == "--":
            return (*operands, *rest)
        if len(word) < 2 or not word.startswith("-") or _INTEGER.fullmatch(word):
            operands.append(word)
            continue
        if word in _HELP:
            continue
        name, equals, value = word.partition("=") if word.startswith("--") else (word[:2], word[2:], word[2:])
        options += 1
        if options > _MAX_OPTIONS:
            return view.unsure(f"more than {_MAX_OPTIONS} options")
        blocks = _blocks(text, name)
        if not blocks:
            if source.parser is _Parser.ARGPARSE and word.startswith("--") and f'"{name}' in text:
                return view.unsure(f"{word[:60]} abbreviates an option")
            is_argparse = source.parser is _Parser.ARGPARSE
            return view.refuses(word, "unrecognized arguments" if is_argparse else "No such option", program=tool)
        are_flags = {bool(_IS_FLAG.search(block)) or f"/--no-{name[2:]}" in block for block in blocks}
        if are_flags == {True}:
            continue
        if len(are_flags) > 1 or (not equals and not rest):
            return view.unsure(f"whether {name} has a value")
        value = value if equals else rest.pop(0)
        refusals = {_refused_value(view, block, value, source.parser) for block in blocks}
        if len(refusals) == 1 and (said := refusals.pop()) is not None:
            return view.refuses(f"{name} {value}", said, program=tool)
    return tuple(operands)


def _text(view: View, tool: str, names: tuple[str, ...], folders: tuple[str, ...]) -> str:
    package = find_module(view, tool, folders)
    if not package.folders:
        return ""
    found: list[str] = []
    for name in names:
        node = view.file(posixpath.join(package.folders[0], name))
        text = view.text(node, _MAX_SOURCE_BYTES) if node is not None else None
        if text is None:
            return ""
        found.append(text)
        if sum(map(len, found)) > _MAX_SOURCE_BYTES:
            return ""
    return "\n".join(found)


def _blocks(text: str, name: str) -> list[str]:
    """The source of an option in each command that has it: from its literal to the next option."""
    matches = itertools.islice(re.finditer(rf"[\"'/]{re.escape(name)}[\"'/]", text), _MAX_BLOCKS)
    found = (text[match.start() : match.start() + _MAX_BLOCK_CHARACTERS] for match in matches)
    return [_SEPARATOR.split(block, maxsplit=1)[0] for block in found]


def _refused_value(view: View, block: str, value: str, parser: _Parser) -> str | None:
    if _IS_INTEGER.search(block) and not _INTEGER.fullmatch(value):
        is_argparse = parser is _Parser.ARGPARSE
        return f"invalid int value: '{value}'" if is_argparse else f"'{value}' is not a valid integer"
    if "exists=True" in block and isinstance(failure := view.find(value), LookupFailure):
        return None if view.absent(failure) is not None else f"'{value}' does not exist"
    return None
