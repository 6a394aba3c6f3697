"""Reads the rules of dive's ``.dive-ci``, so that `weighbridge init` can carry them over.

Format: https://github.com/wagoodman/dive#ci-integration. A rule with the value ``disabled`` is off.
"""

from __future__ import annotations

from dataclasses import dataclass

import yaml

from weighbridge.config.nodes import NodeReader
from weighbridge.domain.gate.limits import parse_size_limit

DIVE_CI = ".dive-ci"
_WASTED_BYTES = "highestWastedBytes"
_SHARES = ("lowestEfficiency", "highestUserWastedPercent")


@dataclass(frozen=True, kw_only=True, slots=True)
class DiveRules:
    """The rules of one file. `max_wasted` is the size as written, or ``None``.

    `unsupported` are ``rule: value`` for rules without a limit in Weighbridge.
    """

    max_wasted: str | None = None
    unsupported: tuple[str, ...] = ()


def read_dive_rules(data: bytes) -> DiveRules:
    """Parse the bytes of a ``.dive-ci`` file. Raises ConfigError with ``.dive-ci:line`` for an invalid file."""
    reader = NodeReader(DIVE_CI)
    root = reader.compose(data)
    rules = None if root is None else dict(reader.pairs(root, "")).get("rules")
    if rules is None:
        return DiveRules()
    found = reader.mapping(rules, (_WASTED_BYTES, *_SHARES), where="rules")
    values = {name: reader.text(node, f"rules.{name}") for name, node in found.items() if not _is_disabled(node)}
    if _WASTED_BYTES in values:
        reader.parsed(found[_WASTED_BYTES], f"rules.{_WASTED_BYTES}", parse_size_limit)
    return DiveRules(
        max_wasted=values.get(_WASTED_BYTES),
        unsupported=tuple(f"{name}: {values[name]}" for name in _SHARES if name in values),
    )


def _is_disabled(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.value == "disabled"
