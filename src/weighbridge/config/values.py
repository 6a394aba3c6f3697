"""The kinds of values of the configuration file: how each is read, and its JSON Schema."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Iterable
from typing import Any

import yaml

from weighbridge.config.grammar import MAXIMUM_COUNT, short
from weighbridge.config.keys import ListOf, Scalar
from weighbridge.config.nodes import NodeReader
from weighbridge.domain.gate.limits import parse_limit, parse_size, parse_size_limit
from weighbridge.durations import parse_duration

_GROWTH = r"\+ ?[0-9]+(\.[0-9]+)? ?(%|([kKMGT]i?)?B)"
_SIZE = {
    "type": "string",
    "pattern": r"^[0-9]+(\.[0-9]+)? ?([kKMGT]i?)?B$",
    "examples": ["500MB", "64MiB"],
}
_TEXT = {"type": "string", "minLength": 1}


def _parsed(parse: Callable[[str], Any]) -> Callable[[NodeReader, yaml.Node, str], Any]:
    """Reads a text that `parse` converts; its ValueError is reported with the line."""
    return lambda reader, node, where: reader.parsed(node, where, parse)


TEXT = Scalar(schema=_TEXT, parse=NodeReader.text)
TEXTS = ListOf(item=TEXT)
PATH = Scalar(schema=_TEXT, parse=NodeReader.path_below)
BOOLEAN = Scalar(schema={"type": "boolean"}, parse=NodeReader.boolean)
COUNT = Scalar(schema={"type": "integer", "minimum": 1, "maximum": MAXIMUM_COUNT}, parse=NodeReader.count)
BYTES = Scalar(schema=_SIZE, parse=_parsed(parse_size))
SIZE_LIMIT = Scalar(schema=_SIZE, parse=_parsed(parse_size_limit))
GROWTH_LIMIT = Scalar(
    schema={"type": "string", "pattern": f"^{_GROWTH}(( and {_GROWTH})+|( or {_GROWTH})+)?$"},
    parse=_parsed(parse_limit),
)
SECONDS = Scalar(
    schema={
        "type": ["string", "integer"],
        "minimum": 1,
        "pattern": r"^[0-9]+(\.[0-9]+)? ?[smh]?$",
        "examples": ["90s", "10m"],
    },
    parse=_parsed(parse_duration),
)


def parsed(parse: Callable[[str], Any]) -> Scalar:
    """A text that `parse` converts. Its ValueError is reported with the line."""
    return Scalar(schema=_TEXT, parse=_parsed(parse))


def choice(members: type[enum.StrEnum]) -> Scalar:
    """A member of an enumeration, by its value."""
    return Scalar(
        schema={"enum": [str(member) for member in members]},
        parse=lambda reader, node, where: members(reader.choice(node, where, tuple(members))),
    )


def one_of(texts: Iterable[str]) -> Scalar:
    """One of `texts`."""
    choices = tuple(texts)
    return Scalar(schema={"enum": list(choices)}, parse=lambda reader, node, where: reader.choice(node, where, choices))


def matching(pattern: re.Pattern[str], what: str, *, is_in_schema: bool = True) -> Scalar:
    """A text that `pattern` matches whole; `what` completes the message "… is not"."""

    def read(reader: NodeReader, node: yaml.Node, where: str) -> str:
        text = reader.text(node, where)
        if pattern.fullmatch(text) is None:
            reader.refuse(node, f"{where}: {short(text)!r} is not {what}")
        return text

    return Scalar(schema={"type": "string", "pattern": f"^{pattern.pattern}$"} if is_in_schema else _TEXT, parse=read)
