"""The keys of limits and budgets."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date

import yaml

from weighbridge.config.grammar import REVISION, short
from weighbridge.config.keys import Key, ListOf, Scalar, Section, SectionOrShort
from weighbridge.config.nodes import NodeReader
from weighbridge.config.values import COUNT, GROWTH_LIMIT, SIZE_LIMIT, TEXT, TEXTS, choice
from weighbridge.domain.gate.settings import Budget, Limits, OnUnknown, Ratchet, WasteLimit

_DAY_LIKE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_WASTE = Section(
    keys=(
        Key(
            name="size",
            value=SIZE_LIMIT,
            field="maximum",
            description="As the short form.",
            is_required=True,
        ),
        Key(name="ignore", value=TEXTS, description="Globs of paths in the image."),
    ),
    make=WasteLimit,
)


def _read_since(reader: NodeReader, node: yaml.Node, where: str) -> str:
    since = reader.text(node, where)
    if REVISION.fullmatch(since) is None or ".." in since:
        reader.refuse(node, f"{where}: {short(since)!r} is not a tag, a commit, or a day such as 2026-01-31")
    if _DAY_LIKE.fullmatch(since):
        try:
            date.fromisoformat(since)
        except ValueError:
            reader.refuse(node, f"{where}: there is no day {since}")
    return since


_SINCE = Scalar(schema={"type": "string", "pattern": f"^{REVISION.pattern}$"}, parse=_read_since)
_RATCHET = Section(
    keys=(
        Key(
            name="since",
            value=_SINCE,
            description="A tag or commit of the default branch, or a day.",
            examples=("v1.0", "2026-01-31"),
            is_required=True,
        ),
        Key(name="max-increase", value=GROWTH_LIMIT, description="Maximum growth since then.", is_required=True),
    ),
    make=Ratchet,
)
_HARD_OR_SOFT = (
    Key(
        name="max-increase",
        value=GROWTH_LIMIT,
        description="Maximum growth of an image between base and head.",
        examples=("+10%", "+5MB", "+5MB and +10%", "+5MB or +10%"),
    ),
    Key(
        name="max-own-increase",
        value=GROWTH_LIMIT,
        description="Maximum growth by own files; percent of the whole image.",
    ),
    Key(
        name="max-dependency-increase",
        value=GROWTH_LIMIT,
        description="The same by packages of languages and distribution.",
    ),
    Key(name="max-base-image-increase", value=GROWTH_LIMIT, description="The same by the base image."),
    Key(name="max-size", value=SIZE_LIMIT, description="Maximum size of an image, unpacked."),
    Key(name="max-new-size", value=SIZE_LIMIT, description="Maximum size of an image that base does not have."),
    Key(name="max-download-size", value=SIZE_LIMIT, description="Maximum size of a download."),
    Key(name="max-download-increase", value=GROWTH_LIMIT, description="Maximum growth of a download."),
    Key(
        name="max-wasted",
        value=SectionOrShort(section=_WASTE, short=SIZE_LIMIT, wrap=lambda size: WasteLimit(maximum=size)),
        description="Maximum of bytes in files that later layers of the Dockerfile hide.",
    ),
    Key(
        name="max-layers",
        value=COUNT,
        description="Maximum number of layers, those of the base image included.",
    ),
)
LIMITS = Section(
    keys=(
        *_HARD_OR_SOFT,
        Key(name="ratchet", value=_RATCHET),
        Key(
            name="on-unknown",
            value=choice(OnUnknown),
            description="The effect of a limit that cannot be checked: fail the job (default), or warn.",
        ),
        Key(
            name="warn",
            value=Section(keys=_HARD_OR_SOFT, make=Limits),
            description="Soft limits: the same keys. They warn and never fail.",
        ),
    ),
    make=Limits,
)
"""A section ``limits``: of the whole file or of one image."""


def _check_budget(reader: NodeReader, node: yaml.Node, found: Mapping[str, yaml.Node], where: str) -> None:
    images = found.get("images")
    if isinstance(images, yaml.SequenceNode) and not images.value:
        reader.refuse(images, f"{where}.images: name at least one image, as a name or a glob")
    if {"name", "images"} <= found.keys() and not {"max-size", "max-increase"} & found.keys():
        reader.refuse(node, f"{where}: set max-size, max-increase or both")


def _check_names(reader: NodeReader, budgets: Sequence[tuple[yaml.Node, Budget]], where: str) -> None:
    names: set[str] = set()
    for index, (node, budget) in enumerate(budgets):
        if budget.name in names:
            reader.refuse(node, f"{where}[{index}].name: two budgets have the name {short(budget.name)!r}")
        names.add(budget.name)


BUDGETS = ListOf(
    item=Section(
        keys=(
            Key(name="name", value=TEXT, description="Name in the report.", is_required=True),
            Key(
                name="images",
                value=ListOf(item=TEXT, rules={"minItems": 1}),
                description="Names of images, or globs.",
                is_required=True,
            ),
            Key(name="max-size", value=SIZE_LIMIT, description="Maximum size of all together."),
            Key(name="max-increase", value=GROWTH_LIMIT, description="Maximum growth of all together."),
        ),
        make=Budget,
        check=_check_budget,
        rules={"anyOf": [{"required": ["max-size"]}, {"required": ["max-increase"]}]},
    ),
    check=_check_names,
)
