"""The limits and budgets of the file, from nodes to settings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import yaml

from weighbridge.config.grammar import REVISION
from weighbridge.config.nodes import NodeReader, short
from weighbridge.domain.gate.limits import parse_limit, parse_size_limit
from weighbridge.domain.gate.settings import Budget, Limits, OnUnknown, Ratchet, WasteLimit

_DAY_LIKE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_GROWTH_LIMITS = {
    "max-increase": "max_increase",
    "max-own-increase": "max_own_increase",
    "max-dependency-increase": "max_dependency_increase",
    "max-base-image-increase": "max_base_image_increase",
    "max-download-increase": "max_download_increase",
}
_SIZE_LIMITS = {"max-size": "max_size", "max-new-size": "max_new_size", "max-download-size": "max_download_size"}
_SOFT_LIMITS = (*_GROWTH_LIMITS, *_SIZE_LIMITS, "max-wasted", "max-layers")


def read_limits(reader: NodeReader, node: yaml.Node | None, where: str) -> Limits:
    """A section ``limits``: of the whole file or of one image. Raises ConfigError."""
    if node is None:
        return Limits()
    found = reader.mapping(node, (*_SOFT_LIMITS, "ratchet", "on-unknown", "warn"), where=where)
    limits = _read_soft_limits(reader, found, where)
    unknown, warn = found.get("on-unknown"), found.get("warn")
    soft = None if warn is None else reader.mapping(warn, _SOFT_LIMITS, where=f"{where}.warn")
    return replace(
        limits,
        ratchet=_read_ratchet(reader, found.get("ratchet"), f"{where}.ratchet"),
        on_unknown=None
        if unknown is None
        else OnUnknown(reader.choice(unknown, f"{where}.on-unknown", tuple(OnUnknown))),
        warn=None if soft is None else _read_soft_limits(reader, soft, f"{where}.warn"),
    )


def _read_soft_limits(reader: NodeReader, found: Mapping[str, yaml.Node], where: str) -> Limits:
    """The limits that can be hard or soft."""
    values: dict[str, Any] = {}
    for parse, names in ((parse_limit, _GROWTH_LIMITS), (parse_size_limit, _SIZE_LIMITS)):
        for key, name in names.items():
            if key in found:
                values[name] = reader.parsed(found[key], f"{where}.{key}", parse)
    if "max-wasted" in found:
        values["max_wasted"] = _read_waste_limit(reader, found["max-wasted"], f"{where}.max-wasted")
    if "max-layers" in found:
        values["max_layers"] = reader.count(found["max-layers"], f"{where}.max-layers")
    return Limits(**values)


def _read_waste_limit(reader: NodeReader, node: yaml.Node, where: str) -> WasteLimit:
    """``20MB``, or ``{ size: 20MB, ignore: ["/var/lib/dpkg/**"] }``."""
    if not isinstance(node, yaml.MappingNode):
        return WasteLimit(maximum=reader.parsed(node, where, parse_size_limit))
    found = reader.mapping(node, ("size", "ignore"), where=where)
    if "size" not in found:
        reader.refuse(node, f'{where}: the key "size" is missing')
    return WasteLimit(
        maximum=reader.parsed(found["size"], f"{where}.size", parse_size_limit),
        ignore=reader.texts(found["ignore"], f"{where}.ignore") if "ignore" in found else (),
    )


def _read_ratchet(reader: NodeReader, node: yaml.Node | None, where: str) -> Ratchet | None:
    if node is None:
        return None
    found = reader.mapping(node, ("since", "max-increase"), where=where)
    for name in ("since", "max-increase"):
        if name not in found:
            reader.refuse(node, f'{where}: the key "{name}" is missing')
    since = reader.text(found["since"], f"{where}.since")
    if REVISION.fullmatch(since) is None or ".." in since:
        reader.refuse(
            found["since"], f"{where}.since: {short(since)!r} is not a tag, a commit, or a day such as 2026-01-31"
        )
    if _DAY_LIKE.fullmatch(since):
        try:
            date.fromisoformat(since)
        except ValueError:
            reader.refuse(found["since"], f"{where}.since: there is no day {since}")
    return Ratchet(since=since, max_increase=reader.parsed(found["max-increase"], f"{where}.max-increase", parse_limit))


def read_budgets(reader: NodeReader, node: yaml.Node | None) -> tuple[Budget, ...]:
    """The list ``budgets``. Raises ConfigError."""
    budgets: dict[str, Budget] = {}
    for index, item in enumerate([] if node is None else reader.items(node, "budgets")):
        where = f"budgets[{index}]"
        found = reader.mapping(item, ("name", "images", "max-size", "max-increase"), where=where)
        for key in ("name", "images"):
            if key not in found:
                reader.refuse(item, f'{where}: the key "{key}" is missing')
        name = reader.text(found["name"], f"{where}.name")
        size, increase = found.get("max-size"), found.get("max-increase")
        if size is None and increase is None:
            reader.refuse(item, f"{where}: set max-size, max-increase or both")
        if name in budgets:
            reader.refuse(found["name"], f"{where}.name: two budgets have the name {short(name)!r}")
        images = reader.texts(found["images"], f"{where}.images")
        if not images:
            reader.refuse(found["images"], f"{where}.images: name at least one image, as a name or a glob")
        budgets[name] = Budget(
            name=name,
            images=images,
            max_size=None if size is None else reader.parsed(size, f"{where}.max-size", parse_size_limit),
            max_increase=None if increase is None else reader.parsed(increase, f"{where}.max-increase", parse_limit),
        )
    return tuple(budgets.values())
