"""The declaration of a key of the configuration file: its name, its value, its field in the settings, its description.

`sections.py` and `limits.py` declare all keys. The reader, the hints for unknown keys, the JSON Schema and the table in
``docs/configuration.md`` follow from them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import yaml

from weighbridge.config.nodes import NodeReader

Schema = Mapping[str, Any]
"""A JSON Schema (draft 2020-12)."""


class Value(Protocol):
    """A kind of value: how it is read, and its schema."""

    @property
    def schema(self) -> Schema:
        """The JSON Schema of the value."""

    def read(self, reader: NodeReader, node: yaml.Node, where: str) -> Any:
        """The setting that `node` has. Raises ConfigError; `where` is the path of its keys, for messages."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Scalar:
    """A value that one function reads."""

    schema: Schema
    parse: Callable[[NodeReader, yaml.Node, str], Any]

    def read(self, reader: NodeReader, node: yaml.Node, where: str) -> Any:
        """The setting that `node` has. Raises ConfigError."""
        return self.parse(reader, node, where)


@dataclass(frozen=True, kw_only=True, slots=True)
class ListOf:
    """A list of values, as a tuple. `check` rejects combinations of items, which it gets with their nodes.

    `rules` are further rules of the schema.
    """

    item: Value
    check: Callable[[NodeReader, Sequence[tuple[yaml.Node, Any]], str], None] | None = None
    rules: Schema = field(default_factory=dict)

    @property
    def schema(self) -> Schema:
        """The JSON Schema of the list."""
        return {"type": "array", "items": self.item.schema, **self.rules}

    def read(self, reader: NodeReader, node: yaml.Node, where: str) -> tuple[Any, ...]:
        """All items. Raises ConfigError."""
        nodes = reader.items(node, where)
        items = tuple(self.item.read(reader, item, f"{where}[{index}]") for index, item in enumerate(nodes))
        if self.check is not None:
            self.check(reader, tuple(zip(nodes, items, strict=True)), where)
        return items


@dataclass(frozen=True, kw_only=True, slots=True)
class Key:
    """A key of a section. `field` is the field of the settings, by default the name with underscores."""

    name: str
    value: Value
    description: str = ""
    field: str | None = None
    examples: tuple[Any, ...] = ()
    is_required: bool = False

    @property
    def field_name(self) -> str:
        """The field of the settings."""
        return self.name.replace("-", "_") if self.field is None else self.field

    @property
    def schema(self) -> Schema:
        """The JSON Schema of the value, with the description."""
        described = {"description": self.description} if self.description else {}
        return {**self.value.schema, **described, **({"examples": list(self.examples)} if self.examples else {})}


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """A mapping with fixed keys. `make` gets the fields of the keys that are set.

    `check` rejects combinations of keys, before the values are read. `rules` are further rules of the schema.
    """

    keys: tuple[Key, ...]
    make: Callable[..., Any]
    check: Callable[[NodeReader, yaml.Node, Mapping[str, yaml.Node], str], None] | None = None
    rules: Schema = field(default_factory=dict)

    @property
    def schema(self) -> Schema:
        """The JSON Schema of the mapping."""
        required = [key.name for key in self.keys if key.is_required]
        return {
            "type": "object",
            "additionalProperties": False,
            "properties": {key.name: key.schema for key in self.keys},
            **({"required": required} if required else {}),
            **self.rules,
        }

    def read(self, reader: NodeReader, node: yaml.Node, where: str) -> Any:
        """The settings of the mapping. Raises ConfigError."""
        return self.make(**self.values(reader, node, where))

    def values(self, reader: NodeReader, node: yaml.Node, where: str) -> dict[str, Any]:
        """The fields of the keys that are set. Raises ConfigError."""
        below: dict[str, str] = {}
        for key in self.keys:
            for nested in key.value.keys if isinstance(key.value, Section) else ():
                below.setdefault(nested.name, key.name)
        found = reader.mapping(node, tuple(key.name for key in self.keys), where=where, below=below)
        if self.check is not None:
            self.check(reader, node, found, where)
        for key in self.keys:
            if key.is_required and key.name not in found:
                reader.refuse(node, f'{where}: the key "{key.name}" is missing')
        return {
            key.field_name: key.value.read(reader, found[key.name], f"{where}.{key.name}" if where else key.name)
            for key in self.keys
            if key.name in found
        }

    def all_keys(self) -> Iterator[tuple[str, Key]]:
        """All keys with their paths (``images.NAME.target``), those of inner sections behind their own."""
        for key in self.keys:
            yield key.name, key
            yield from ((f"{key.name}{path}", inner) for path, inner in _inner(key.value))


@dataclass(frozen=True, kw_only=True, slots=True)
class SectionOrShort:
    """A section, or the value of its most important key alone, from which `wrap` makes the same settings."""

    section: Section
    short: Value
    wrap: Callable[[Any], Any]

    @property
    def schema(self) -> Schema:
        """The JSON Schema of both forms."""
        return {"anyOf": [self.short.schema, self.section.schema]}

    def read(self, reader: NodeReader, node: yaml.Node, where: str) -> Any:
        """The settings of either form. Raises ConfigError."""
        if isinstance(node, yaml.MappingNode):
            return self.section.read(reader, node, where)
        return self.wrap(self.short.read(reader, node, where))


@dataclass(frozen=True, kw_only=True, slots=True)
class NamedSections:
    """A mapping of names to sections; `read_one` reads one of them."""

    section: Section
    read_one: Callable[[NodeReader, str, yaml.Node, str], Any]

    @property
    def schema(self) -> Schema:
        """The JSON Schema of the mapping."""
        return {"type": "object", "additionalProperties": self.section.schema}

    def read(self, reader: NodeReader, node: yaml.Node, where: str) -> dict[str, Any]:
        """The settings by name. Raises ConfigError."""
        return {name: self.read_one(reader, name, value, where) for name, value in reader.pairs(node, where)}


def _inner(value: Value) -> Iterator[tuple[str, Key]]:
    """The keys of the sections in a value, with the rest of their paths."""
    match value:
        case Section():
            yield from ((f".{path}", key) for path, key in value.all_keys())
        case SectionOrShort(section=section):
            yield from _inner(section)
        case ListOf(item=item):
            yield from ((f"[]{path}", key) for path, key in _inner(item))
        case NamedSections(section=section):
            yield from ((f".NAME{path}", key) for path, key in _inner(section))
        case _:
            return
