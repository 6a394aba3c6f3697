"""The images that a Compose file builds: what its services' ``build`` sections say, read without Compose.

Source: the Compose specification, ``build`` (compose-spec/05-services, compose-spec/build). What is not read:
``extends`` and ``include``, override files, profiles (every service counts), the environment and ``.env`` (a variable
has its default, or is empty), and ``build.platforms`` (other platforms are asked for in the configuration).
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from weighbridge.errors import ConfigError
from weighbridge.plan.tree import ROOT, join

COMPOSE_NAMES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
"""In the order in which Compose looks for them: of one folder's files, only the first counts."""

MAXIMUM_COMPOSE_BYTES = 262_144

_MAXIMUM_SERVICES = 1_000
_MAXIMUM_NODES = 100_000
_VARIABLE = re.compile(
    r"\$(?:(?P<escaped>\$)|(?P<plain>[A-Za-z_]\w*)"
    r"|\{(?P<name>[A-Za-z_]\w*)(?:(?P<operator>:?[-?+])(?P<value>[^{}]*))?\})"
)
_REMOTE = re.compile(r"[a-z][a-z0-9+.-]*://|git@|github\.com/")


@dataclass(frozen=True, kw_only=True, slots=True)
class ComposeImage:
    """One service that is built. Paths are from the repository's root; `failure` says why it cannot be built here."""

    service: str
    file: str
    dockerfile: str
    context: str
    target: str | None = None
    build_args: Mapping[str, str] = field(default_factory=dict)
    failure: str | None = None

    @property
    def what(self) -> tuple[object, ...]:
        """What is built, whatever it is called: equal for two services of one image."""
        return (self.dockerfile, self.context, self.target, tuple(sorted(self.build_args.items())))


def parse_compose(data: bytes, *, path: str) -> tuple[ComposeImage, ...]:
    """The images of the Compose file `path` (from the repository's root), in its order.

    A service whose build context is outside of the repository, remote, or written in place is left out: there is no
    Dockerfile of this repository to weigh. Raises ConfigError for a file that is no Compose file.
    """
    if len(data) > MAXIMUM_COMPOSE_BYTES:
        raise ConfigError(f"{path}: more than {MAXIMUM_COMPOSE_BYTES} bytes; this is not a Compose file")
    try:
        top = yaml.load(data.decode("utf-8", "replace"), Loader=_Loader)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        line = getattr(getattr(error, "problem_mark", None), "line", None)
        place = path if line is None else f"{path}:{line + 1}"
        raise ConfigError(
            f"{place}: not valid YAML: {getattr(error, 'problem', None) or type(error).__name__}"
        ) from error
    services = top.get("services") if isinstance(top, dict) else None
    if not isinstance(services, dict):
        return ()
    if len(services) > _MAXIMUM_SERVICES:
        raise ConfigError(f"{path}: {len(services)} services are more than the {_MAXIMUM_SERVICES} that are read")
    return tuple(_images(services, path))


def _images(services: Mapping[Any, Any], path: str) -> Iterator[ComposeImage]:
    folder = posixpath.dirname(path) or ROOT
    for service, definition in services.items():
        build = definition.get("build") if isinstance(definition, dict) else None
        if isinstance(build, str):
            build = {"context": build}
        if not isinstance(build, dict) or not isinstance(service, str) or "dockerfile_inline" in build:
            continue
        written = interpolated(_text(build.get("context"), "."))
        context = _below(folder, written)
        if context is None or _REMOTE.match(written):
            continue
        dockerfile = _below(context, interpolated(_text(build.get("dockerfile"), "Dockerfile")))
        if dockerfile is None or dockerfile == ROOT:
            continue
        target = build.get("target")
        failure = None
        if build.get("additional_contexts"):
            failure = (
                f"{path}: {service}: additional_contexts are not supported: what stands behind them is not known here"
            )
        yield ComposeImage(
            service=service,
            file=path,
            dockerfile=dockerfile,
            context=context,
            target=interpolated(target) if isinstance(target, str) and target else None,
            build_args=_arguments(build.get("args")),
            failure=failure,
        )


def interpolated(text: str) -> str:
    """`text` with its variables replaced as Compose does where none of them is set."""

    def replacement(match: re.Match[str]) -> str:
        if match["escaped"]:
            return "$"
        operator = match["operator"] or ""
        return str(match["value"]) if operator.endswith("-") else ""

    return _VARIABLE.sub(replacement, text)


def _arguments(args: object) -> dict[str, str]:
    """``args`` as a mapping or as a list of ``NAME=VALUE``; one without a value is left out."""
    pairs: list[tuple[object, object]] = []
    if isinstance(args, dict):
        pairs = list(args.items())
    elif isinstance(args, list):
        pairs = [(str(one).partition("=")[0], str(one).partition("=")[2] if "=" in str(one) else None) for one in args]
    return {str(name): interpolated(_scalar(value)) for name, value in pairs if value is not None}


def _scalar(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _text(value: object, default: str) -> str:
    return value if isinstance(value, str) and value else default


def _below(folder: str, path: str) -> str | None:
    """`path` as seen from `folder`, from the repository's root; ``None`` where it leads out of the repository."""
    if path.startswith(("/", "~")):
        return None
    whole = posixpath.normpath(join(folder, path) if path else folder)
    return None if whole == ".." or whole.startswith("../") else whole


class _Loader(yaml.SafeLoader):
    """Reads YAML as Compose writes it: tags of its own mean nothing here, and merges cannot grow without end."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._left = _MAXIMUM_NODES

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        super().flatten_mapping(node)
        self._left -= len(node.value)
        if self._left < 0:
            raise yaml.YAMLError("merges are nested too deeply")


def _untagged(loader: _Loader, suffix: str, node: yaml.Node) -> object:
    del suffix
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_scalar(node) if isinstance(node, yaml.ScalarNode) else None


_Loader.add_multi_constructor("!", _untagged)
