"""Reads the images that a Compose file builds (the ``build`` sections of its services) without buildx.

Source: the Compose specification, ``build`` (compose-spec/05-services, compose-spec/build). Not read: ``extends`` and
``include``, override files, profiles (every service counts) and the environment: a variable has its value in ``.env``,
its default, or is empty. If buildx is installed, it reads the file instead of this module: see `bake`.
"""

from __future__ import annotations

import functools
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import yaml

from weighbridge.config import PLATFORM
from weighbridge.errors import ConfigError
from weighbridge.plan.definition import (
    DefinitionKind,
    ImageDefinition,
    inline_definition,
    is_remote,
    named_contexts,
    path_below,
    remote_definition,
    text_or,
)
from weighbridge.plan.tree import ROOT

COMPOSE_NAMES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
"""In Compose's order of precedence: of the files in one folder, only the first counts."""

MAXIMUM_COMPOSE_BYTES = 262_144

_MAXIMUM_SERVICES = 1_000
MAXIMUM_VALUES = 20_000
"""Maximum values of a file; the values that ``<<`` merges count again."""
MAXIMUM_ARGUMENTS = 50_000
"""Maximum build arguments of all services together: aliases repeat them."""
_MAXIMUM_REFERENCES = 1_000
_MAXIMUM_REPLACED = 100
_VARIABLE = re.compile(
    r"\$(?:(?P<escaped>\$)|(?P<plain>[A-Za-z_]\w*)"
    r"|\{(?P<name>[A-Za-z_]\w*)(?:(?P<operator>:?[-?+])(?P<value>[^{}]*))?\})"
)


def parse_compose(
    data: bytes, *, path: str, variables: Mapping[str, str] = MappingProxyType({})
) -> tuple[ImageDefinition, ...]:
    """The images of the Compose file `path` (from the repository's root), in its order. `variables`: those of ``.env``.

    A service whose build context is remote or outside of the repository, or whose Dockerfile is inline, has a
    `failure`: there is no Dockerfile of this repository to weigh. Raises ConfigError for a file that is not a Compose
    file.
    """
    return tuple(_images(_mapping(_top(data, path).get("services"), path), path, variables))


def compose_services(data: bytes, *, path: str) -> Mapping[Any, Any]:
    """The services of the Compose file `path`. Raises ConfigError for a file that is not a Compose file."""
    return _mapping(_top(data, path).get("services"), path)


def referenced_files(data: bytes, *, path: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The files that the Compose file `path` needs: those with definitions, and those with only values.

    ``include`` and ``extends`` name the former, ``env_file`` of a service the latter, which do not affect a build.
    Raises ConfigError for a file that is not a Compose file, or that names a file outside of the repository or in a way
    that only Compose itself can resolve.
    """
    folder = posixpath.dirname(path) or ROOT
    found: tuple[dict[str, None], dict[str, None]] = ({}, {})
    for number, (is_values, written) in enumerate(_references(_top(data, path), path)):
        if number >= _MAXIMUM_REFERENCES:
            raise ConfigError(f"{path}: it refers to more than {_MAXIMUM_REFERENCES} other files")
        found[is_values][_known_path(folder, written, path)] = None
    return tuple(found[0]), tuple(found[1])


def _references(top: Mapping[Any, Any], path: str) -> Iterator[tuple[bool, object]]:
    """Every other file that is named, and whether it holds only values."""
    for one in listed(top.get("include")):
        named = one if isinstance(one, dict) else {"path": one}
        yield from ((False, name) for name in listed(named.get("path")))
        # Its variables decide what the included file says.
        yield from ((False, name) for name in listed(named.get("env_file")))
    for service in _mapping(top.get("services"), path).values():
        if isinstance(service, dict):
            extends = service.get("extends")
            if isinstance(extends, dict) and extends.get("file"):
                yield False, extends["file"]
            for one in listed(service.get("env_file")):
                yield True, one.get("path") if isinstance(one, dict) else one


def _known_path(folder: str, written: object, path: str) -> str:
    text = interpolated(written) if isinstance(written, str) else ""
    found = path_below(folder, text) if text and "$" not in text and not is_remote(text) else None
    if found is None or found == ROOT:
        raise ConfigError(f"{path}: it refers to {str(written)[:200]!r}, which is not a file of the repository")
    return found


def listed(value: object) -> list[Any]:
    """`value` as a list: Compose accepts one item or several."""
    return value if isinstance(value, list) else [] if value is None else [value]


@functools.lru_cache(maxsize=64)
def _top(data: bytes, path: str) -> dict[Any, Any]:
    if len(data) > MAXIMUM_COMPOSE_BYTES:
        raise ConfigError(f"{path}: not a Compose file: more than {MAXIMUM_COMPOSE_BYTES} bytes")
    try:
        top = yaml.load(data.decode("utf-8", "replace"), Loader=ComposeLoader)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        line = getattr(getattr(error, "problem_mark", None), "line", None)
        place = path if line is None else f"{path}:{line + 1}"
        problem = getattr(error, "problem", None) or (str(error) if type(error) is yaml.YAMLError else "")
        raise ConfigError(f"{place}: not valid YAML: {problem or type(error).__name__}") from error
    return top if isinstance(top, dict) else {}


def _mapping(services: object, path: str) -> Mapping[Any, Any]:
    if not isinstance(services, dict):
        return {}
    if len(services) > _MAXIMUM_SERVICES:
        raise ConfigError(f"{path}: {len(services)} services exceed the limit of {_MAXIMUM_SERVICES}")
    return services


def _images(services: Mapping[Any, Any], path: str, variables: Mapping[str, str]) -> Iterator[ImageDefinition]:
    folder = posixpath.dirname(path) or ROOT
    arguments = 0
    for service, definition in services.items():
        build = definition.get("build") if isinstance(definition, dict) else None
        if isinstance(build, str):
            build = {"context": build}
        if not isinstance(build, dict) or not isinstance(service, str):
            continue
        if build.get("dockerfile_inline") is not None:
            yield inline_definition(DefinitionKind.COMPOSE, service, path)
            continue
        written = interpolated(text_or(build.get("context"), "."), variables)
        context = path_below(folder, written)
        if context is None or is_remote(written):
            yield remote_definition(DefinitionKind.COMPOSE, service, path)
            continue
        dockerfile = path_below(context, interpolated(text_or(build.get("dockerfile"), "Dockerfile"), variables))
        if dockerfile is None or dockerfile == ROOT:
            yield remote_definition(DefinitionKind.COMPOSE, service, path)
            continue
        given = build.get("args")
        arguments += len(given) if isinstance(given, dict | list) else 0
        if arguments > MAXIMUM_ARGUMENTS:
            raise ConfigError(f"{path}: more than {MAXIMUM_ARGUMENTS} build arguments")
        contexts, failure = named_contexts(folder, _pairs(build.get("additional_contexts"), variables))
        target = build.get("target")
        image = definition.get("image")
        yield ImageDefinition(
            kind=DefinitionKind.COMPOSE,
            name=service,
            file=path,
            dockerfile=dockerfile,
            context=context,
            target=interpolated(target, variables) if isinstance(target, str) and target else None,
            build_args=_pairs(given, variables),
            platforms=_platforms(build, variables),
            contexts=contexts,
            tags=tuple(
                interpolated(one, variables) for one in [image, *listed(build.get("tags"))] if isinstance(one, str)
            ),
            failure=failure and f"{path}: {service}: {failure}",
        )


def compose_platforms(
    images: Iterable[ImageDefinition],
    data: bytes,
    *,
    path: str,
    variables: Mapping[str, str] = MappingProxyType({}),
) -> tuple[ImageDefinition, ...]:
    """Add the platforms that only Compose itself builds (``build.platforms``) to `images`, which buildx has read."""
    services = _mapping(_top(data, path).get("services"), path)
    found = []
    for image in images:
        service = services.get(image.name)
        build = service.get("build") if isinstance(service, dict) else None
        platforms = image.platforms or (_platforms(build, variables) if isinstance(build, dict) else ())
        found.append(replace(image, platforms=platforms))
    return tuple(found)


def _platforms(build: Mapping[Any, Any], variables: Mapping[str, str]) -> tuple[str, ...]:
    """The platforms of a ``build`` section, without duplicates."""
    named = [interpolated(one, variables) for one in listed(build.get("platforms")) if isinstance(one, str)]
    return tuple(dict.fromkeys(one for one in named if PLATFORM.fullmatch(one)))


def interpolated(text: str, variables: Mapping[str, str] = MappingProxyType({})) -> str:
    """`text` with its variables replaced as Compose does if only `variables` are set."""

    def replacement(match: re.Match[str]) -> str:
        if match["escaped"]:
            return "$"
        operator = match["operator"] or ""
        value = variables.get(match["plain"] or match["name"])
        is_given = bool(value) if operator.startswith(":") else value is not None
        if operator.endswith("+"):
            return str(match["value"]) if is_given else ""
        if is_given:
            return str(value)
        return str(match["value"]) if operator.endswith("-") else ""

    return _VARIABLE.sub(replacement, text, count=_MAXIMUM_REPLACED)


def _pairs(args: object, variables: Mapping[str, str]) -> dict[str, str]:
    """A mapping or a list of ``NAME=VALUE`` as a dictionary. A name alone has the value of its variable, if any."""
    pairs: list[tuple[object, object]] = []
    if isinstance(args, dict):
        pairs = list(args.items())
    elif isinstance(args, list):
        pairs = [(str(one).partition("=")[0], str(one).partition("=")[2] if "=" in str(one) else None) for one in args]
    return {
        str(name): variables[str(name)] if value is None else interpolated(scalar_text(value), variables)
        for name, value in pairs
        if value is not None or str(name) in variables
    }


def scalar_text(value: object) -> str:
    """A scalar as Compose writes it into texts."""
    return str(value).lower() if isinstance(value, bool) else str(value)


class ComposeLoader(yaml.SafeLoader):
    """Reads YAML as Compose does: ignores custom tags, and limits the number of values."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._left = MAXIMUM_VALUES

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """One value, up to a limit."""
        self._take(1)
        return super().compose_node(parent, index)

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Merge the mappings of ``<<``, up to a limit."""
        super().flatten_mapping(node)
        self._take(len(node.value))

    def _take(self, values: int) -> None:
        self._left -= values
        if self._left < 0:
            raise yaml.YAMLError(f"more than {MAXIMUM_VALUES} values")


def _untagged(loader: ComposeLoader, suffix: str, node: yaml.Node) -> object:
    del suffix
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_scalar(node) if isinstance(node, yaml.ScalarNode) else None


ComposeLoader.add_multi_constructor("!", _untagged)
