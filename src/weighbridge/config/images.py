"""The keys of an image."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import yaml

from weighbridge.config.grammar import ARGUMENT, MAXIMUM_SHOWN, PLATFORM, short
from weighbridge.config.keys import Key, ListOf, NamedSections, Scalar, Section, SectionOrShort
from weighbridge.config.limits import LIMITS
from weighbridge.config.nodes import NodeReader
from weighbridge.config.settings import ImageSettings
from weighbridge.config.values import BOOLEAN, PATH, TEXT, TEXTS, matching

_STAGE = re.compile(r"[A-Za-z][A-Za-z0-9-_.]*")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Platform:
    name: str
    required: bool = False


def _check_platforms(reader: NodeReader, platforms: Sequence[tuple[yaml.Node, _Platform]], where: str) -> None:
    names: set[str] = set()
    for node, platform in platforms:
        if platform.name in names:
            reader.refuse(node, f"{where}: duplicate platform")
        names.add(platform.name)


_PLATFORM_NAME = matching(PLATFORM, "a platform such as linux/arm64")
_PLATFORMS = ListOf(
    item=SectionOrShort(
        section=Section(
            keys=(
                Key(name="name", value=_PLATFORM_NAME, description="Platform.", is_required=True),
                Key(name="required", value=BOOLEAN, description="Fail the job if the platform cannot be built here."),
            ),
            make=_Platform,
        ),
        short=_PLATFORM_NAME,
        wrap=lambda name: _Platform(name=name),
    ),
    check=_check_platforms,
    rules={"uniqueItems": True},
)


def _read_build_args(reader: NodeReader, node: yaml.Node, where: str) -> dict[str, str]:
    arguments = {}
    for name, value in reader.pairs(node, where):
        if ARGUMENT.fullmatch(name) is None:
            reader.refuse(value, f"{where}: {short(name)!r} is not a valid name of a build argument")
        # Kept as written: 1.10 stays 1.10 and yes stays yes.
        arguments[name] = reader.scalar(value, f"{where}.{short(name)}")
    return arguments


_BUILD_ARGS = Scalar(
    schema={
        "type": "object",
        "propertyNames": {"pattern": f"^{ARGUMENT.pattern}$"},
        "additionalProperties": {"type": ["string", "number", "boolean"]},
    },
    parse=_read_build_args,
)


def _check_image(reader: NodeReader, node: yaml.Node, found: Mapping[str, yaml.Node], where: str) -> None:
    of_a_build = next(
        (key for key in ("context", "target", "platforms", "build-args", "prepare") if key in found), None
    )
    if "dockerfile" not in found and of_a_build is not None:
        reader.refuse(node, f'{where}: {of_a_build} needs the key "dockerfile"')
    if "dockerfile" in found and "from" in found:
        reader.refuse(found["from"], f"{where}.from: a Dockerfile names its base image itself")


_IMAGE = Section(
    keys=(
        Key(
            name="dockerfile",
            value=PATH,
            description="Path from the repository's root. Without it: built elsewhere, for `mode: compare`.",
        ),
        Key(
            name="from",
            value=TEXT,
            field="from_image",
            description="Base image of an image that is built elsewhere, as on the command line.",
        ),
        Key(
            name="context",
            value=PATH,
            description="Path from the repository's root. Default: found automatically.",
        ),
        Key(
            name="target",
            value=matching(_STAGE, "a valid stage name", is_in_schema=False),
            description="Stage to build. Default: the last one.",
        ),
        Key(name="platforms", value=_PLATFORMS, description="Platforms to build. Default: the engine's own."),
        Key(name="build-args", value=_BUILD_ARGS, description="Build arguments, by name."),
        Key(
            name="prepare",
            value=TEXTS,
            description="Command that makes files which git does not hold, word by word. Needs `--prepare`.",
            examples=(["make", "bin/app"],),
        ),
        Key(name="limits", value=LIMITS, description="Limits of this image, with the same keys as `limits`."),
    ),
    make=ImageSettings,
    check=_check_image,
)


def _read_image(reader: NodeReader, name: str, node: yaml.Node, where: str) -> ImageSettings:
    if not name.strip() or name != name.strip() or not name.isprintable() or len(name) > 200:
        reader.refuse(node, f"{name[:MAXIMUM_SHOWN]!r} is not a valid image name")
    values = _IMAGE.values(reader, node, f"{where}.{short(name)}")
    platforms: tuple[_Platform, ...] = values.pop("platforms", ())
    return ImageSettings(
        name=name,
        line=node.start_mark.line + 1,
        platforms=tuple(one.name for one in platforms),
        required_platforms=frozenset(one.name for one in platforms if one.required),
        **values,
    )


IMAGES = NamedSections(section=_IMAGE, read_one=_read_image)
