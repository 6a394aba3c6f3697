"""Parses YAML of a pull request into plain values with line numbers, within limits.

Builds the values from the parser's events instead of its composer, which recurses and overflows the stack on deep
nesting. Scalars stay text. Aliases share one value, so nothing is multiplied.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import yaml

_MAXIMUM_EVENTS = 60_000
_MAXIMUM_DEPTH = 60
_MAXIMUM_DOCUMENTS = 50
_Loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Mapping(dict[str, Any]):
    """A mapping. `line` is its first line; `lines` holds the line of each key, both from 1."""

    line: int = 0
    lines: dict[str, int]

    def line_of(self, *keys: str) -> int:
        """The line of the first of `keys` that exists, otherwise that of the mapping."""
        return next((self.lines[key] for key in keys if key in self.lines), self.line)


@dataclass(kw_only=True, slots=True)
class _Open:
    """A collection whose end is not yet read."""

    value: Mapping | list[Any]
    key: str | None = None
    anchors: list[str] = field(default_factory=list)

    def add(self, value: Any, line: int) -> None:
        if isinstance(self.value, list):
            self.value.append(value)
        elif self.key is None:
            self.key = value if isinstance(value, str) else ""
            self.value.lines.setdefault(self.key, line)
        else:
            if self.key == "<<" and isinstance(value, Mapping):
                for name, one in value.items():
                    self.value.setdefault(name, one)
            else:
                self.value[self.key] = value
            self.key = None


def read_yaml(text: str) -> list[Any]:
    """The documents of `text`: mappings, lists, and text. Malformed or excessive input gives no document."""
    try:
        return _documents(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        return []


def _documents(text: str) -> list[Any]:
    documents: list[Any] = []
    stack: list[_Open] = []
    anchors: dict[str, Any] = {}
    for number, event in enumerate(yaml.parse(text, Loader=_Loader)):
        if number > _MAXIMUM_EVENTS or len(stack) > _MAXIMUM_DEPTH or len(documents) > _MAXIMUM_DOCUMENTS:
            return []
        line = event.start_mark.line + 1 if event.start_mark is not None else 0
        if isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            value: Any = [] if isinstance(event, yaml.SequenceStartEvent) else Mapping()
            if isinstance(value, Mapping):
                value.line, value.lines = line, {}
            _place(stack, documents, value, line)
            stack.append(_Open(value=value))
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            stack.pop()
            continue
        elif isinstance(event, yaml.ScalarEvent):
            value = event.value
            _place(stack, documents, value, line)
        elif isinstance(event, yaml.AliasEvent):
            _place(stack, documents, anchors.get(event.anchor or "", ""), line)
            continue
        else:
            continue
        if event.anchor:
            anchors[event.anchor] = value
    return documents


def _place(stack: list[_Open], documents: list[Any], value: Any, line: int) -> None:
    if stack:
        stack[-1].add(value, line)
    else:
        documents.append(value)


def mapping(value: Any) -> Mapping:
    """`value` if it is a mapping, otherwise an empty one."""
    if isinstance(value, Mapping):
        return value
    empty = Mapping()
    empty.lines = {}
    return empty


def items(value: Any) -> list[Any]:
    """`value` if it is a list, otherwise an empty one."""
    return value if isinstance(value, list) else []


def nonempty_text(value: Any) -> str | None:
    """`value` if it is non-empty text, otherwise ``None``."""
    return value if isinstance(value, str) and value else None
