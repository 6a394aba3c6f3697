"""Reads YAML as a tree of nodes with limits, and reports invalid nodes with file and line.

The file comes from a pull request: its size, its depth and the expansion of its aliases are limited, and it is only
read as a tree of nodes (no tag constructs an object).
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import NoReturn, TypeVar

import yaml

from weighbridge.config.grammar import MAXIMUM_CONFIG_BYTES, MAXIMUM_COUNT, MAXIMUM_SHOWN, short
from weighbridge.domain.nearest import nearest
from weighbridge.errors import ConfigError

_T = TypeVar("_T")

INTEGER = "tag:yaml.org,2002:int"

_MAXIMUM_NODES = 20_000
_MAXIMUM_DEPTH = 20
_MAXIMUM_TEXT = 4_096
BOOLEAN = "tag:yaml.org,2002:bool"
_NULL = "tag:yaml.org,2002:null"


_YAML_PROBLEMS = {
    "'\\t'": "a tab; YAML indents with spaces",
    "end of stream": "a quote or bracket begins here and never ends",
    "another document": "a second document begins; delete the line ---",
    "mapping values are not allowed": "a key at a wrong indentation, or a text with a colon that needs quotes",
}
"""Problems in the parser's words, and in ours."""


class NodeReader:
    """Reads nodes, and rejects invalid ones with their line."""

    def __init__(self, path: str) -> None:
        self.path = path

    def compose(self, data: bytes) -> yaml.Node | None:
        """The root of the file's tree, within the limits; ``None`` for an empty file."""
        if len(data) > MAXIMUM_CONFIG_BYTES:
            raise ConfigError(f"{self.path}: larger than {MAXIMUM_CONFIG_BYTES} bytes")
        try:
            # The pure Python loader on purpose: the C loader recurses on the machine's stack.
            root = yaml.compose(data.decode("utf-8"), Loader=yaml.SafeLoader)
        except UnicodeDecodeError as error:
            line = data[: error.start].count(b"\n") + 1
            raise ConfigError(f"{self.path}:{line}: not UTF-8 text. Save the file as UTF-8") from error
        except yaml.MarkedYAMLError as error:
            problem = error.problem or error.context or "unreadable"
            is_open = "end of stream" in problem and error.context_mark is not None
            mark = error.context_mark if is_open else error.problem_mark or error.context_mark
            where = self.path if mark is None else f"{self.path}:{mark.line + 1}"
            said = next((words for part, words in _YAML_PROBLEMS.items() if part in problem), short(problem))
            raise ConfigError(f"{where}: not valid YAML: {said}") from error
        except (yaml.YAMLError, ValueError) as error:
            raise ConfigError(f"{self.path}: not valid YAML: {short(str(error))}") from error
        except RecursionError as error:
            raise ConfigError(f"{self.path}: nested too deeply") from error
        if root is not None:
            self._check_bounds(root)
        return root

    def refuse(self, node: yaml.Node, message: str) -> NoReturn:
        """Raise ConfigError with the line of `node`."""
        raise ConfigError(f"{self.path}:{node.start_mark.line + 1}: {message}")

    def _check_bounds(self, root: yaml.Node) -> None:
        """Reject a tree that is large, deep or endless after expanding its aliases, and custom tags."""
        waiting: list[tuple[yaml.Node, int]] = [(root, 1)]
        seen = 0
        while waiting:
            node, depth = waiting.pop()
            seen += 1
            if seen > _MAXIMUM_NODES:
                self.refuse(node, "too many values (aliases count with their content)")
            if depth > _MAXIMUM_DEPTH:
                self.refuse(node, "nested too deeply")
            if not node.tag.startswith("tag:yaml.org,2002:"):
                self.refuse(node, f"the tag {short(node.tag)!r} is unsupported")
            if isinstance(node, yaml.MappingNode):
                for key, value in node.value:
                    waiting += [(value, depth + 1), (key, depth + 1)]
            elif isinstance(node, yaml.SequenceNode):
                waiting += [(item, depth + 1) for item in node.value]
            elif len(node.value) > _MAXIMUM_TEXT:
                self.refuse(node, f"a text exceeds {_MAXIMUM_TEXT} characters")

    def pairs(self, node: yaml.Node, where: str) -> Iterator[tuple[str, yaml.Node]]:
        """The keys and values of a mapping; rejects duplicate keys."""
        if not isinstance(node, yaml.MappingNode):
            self.refuse(node, f"{where or 'the file'} must be a mapping (key: value), not {_kind(node)}")
        seen: dict[str, int] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self.refuse(key, f"a key {_in(where)}must be a word, not {_kind(key)}")
            if key.value in seen:
                self.refuse(key, f'duplicate key "{short(key.value)}" {_in(where)}(first on line {seen[key.value]})')
            seen[key.value] = key.start_mark.line + 1
            yield key.value, value

    def mapping(
        self, node: yaml.Node, known: tuple[str, ...], *, where: str, below: Mapping[str, str] = MappingProxyType({})
    ) -> dict[str, yaml.Node]:
        """A mapping whose keys are all in `known`; `below` has the keys of nested sections, with the section."""
        if isinstance(node, yaml.MappingNode):
            for key, _ in node.value:
                if isinstance(key, yaml.ScalarNode) and key.value not in known:
                    place = f" in {where}" if where else ""
                    hint = _hint(key.value[:MAXIMUM_SHOWN], known, below)
                    self.refuse(key, f'unknown key "{short(key.value)}"{place} ({hint})')
        return dict(self.pairs(node, where))

    def items(self, node: yaml.Node, where: str) -> list[yaml.Node]:
        """The nodes of a list."""
        if not isinstance(node, yaml.SequenceNode):
            written = node.value if isinstance(node, yaml.ScalarNode) and node.tag != _NULL else ""
            hint = f": write [{short(written)}]" if written and len(written) <= MAXIMUM_SHOWN else ""
            self.refuse(node, f"{where} must be a list, not {_kind(node)}{hint}")
        return list(node.value)

    def texts(self, node: yaml.Node, where: str) -> tuple[str, ...]:
        """A list of texts, each valid for `text`."""
        return tuple(self.text(item, f"{where}[{index}]") for index, item in enumerate(self.items(node, where)))

    def scalar(self, node: yaml.Node, where: str) -> str:
        """The text of a scalar as written, whatever its YAML type."""
        if not isinstance(node, yaml.ScalarNode):
            self.refuse(node, f"{where} must be a text, not {_kind(node)}")
        if node.tag == _NULL and node.style is None:
            self.refuse(node, f'{where} has no value (an empty text is "")')
        value: str = node.value
        return value

    def text(self, node: yaml.Node, where: str) -> str:
        """The text of a scalar: one line, not empty."""
        value = self.scalar(node, where)
        if not value.strip():
            self.refuse(node, f"{where} must not be empty")
        if not value.isprintable():
            self.refuse(node, f"{where} must be one line of printable characters")
        return value

    def boolean(self, node: yaml.Node, where: str) -> bool:
        """A YAML boolean."""
        if node.tag != BOOLEAN:
            self.refuse(node, f"{where} must be true or false, not {short(as_written(node))}")
        return str(node.value).lower() in {"true", "yes", "on"}

    def count(self, node: yaml.Node, where: str) -> int:
        """A whole number from 1 to `MAXIMUM_COUNT`."""
        if node.tag != INTEGER or not node.value.isdecimal() or not 1 <= int(node.value) <= MAXIMUM_COUNT:
            self.refuse(node, f"{where} must be a number from 1 to {MAXIMUM_COUNT}, not {short(as_written(node))}")
        return int(node.value)

    def choice(self, node: yaml.Node, where: str, choices: tuple[str, ...]) -> str:
        """One of `choices`; the error for any other value names the nearest choice."""
        value = self.text(node, where)
        if value not in choices:
            meant = nearest(value, choices)
            hint = f' (did you mean "{meant}"?)' if meant else ""
            self.refuse(node, f"{where} must be one of {', '.join(choices)}, not {short(value)!r}{hint}")
        return value

    def parsed(self, node: yaml.Node, where: str, parse: Callable[[str], _T]) -> _T:
        """The text converted by `parse`; its ValueError is reported with the line."""
        value = self.text(node, where)
        try:
            return parse(value)
        except ValueError as error:
            self.refuse(node, f"{where}: {error}")

    def path_below(self, node: yaml.Node, where: str) -> str:
        """A normalised path below the repository's root: no ``..``, no leading slash, ``.`` for the root."""
        value = self.text(node, where)
        if "://" in value:
            self.refuse(node, f"{where}: {short(value)!r} is a URL; only folders of the repository can be weighed")
        path = posixpath.normpath(value)
        if path == ".." or path.startswith(("/", "../")):
            self.refuse(node, f"{where}: {short(value)!r} is outside of the repository; write it from its root")
        return path


def _hint(key: str, known: tuple[str, ...], below: Mapping[str, str]) -> str:
    """What a user means with an unknown key: the key at another place, a similar key, or a key with this word."""
    if key in below:
        return f'write it below "{below[key]}"'
    longer = [one for one in known if key.lower() in one.split("-")]
    meant = longer[0] if longer else nearest(key, known)
    return f'did you mean "{meant}"?' if meant else f"known keys: {', '.join(known)}"


def _kind(node: yaml.Node) -> str:
    if isinstance(node, yaml.MappingNode):
        return "a mapping"
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    if node.tag == _NULL:
        return "nothing"
    return "a single value"


def as_written(node: yaml.Node) -> str:
    """The text of a scalar, otherwise the kind of the node, for messages."""
    return str(node.value) if isinstance(node, yaml.ScalarNode) else _kind(node)


def _in(where: str) -> str:
    return f"in {where} " if where else ""
