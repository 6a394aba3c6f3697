"""Reads how the services of a Compose file start their images: command, entrypoint, user, folder and variables.

Source: the Compose specification, "services". A command that is one text is split into words like a shell does it, and
is not run by a shell. Not read: ``extends``, override files, profiles, ``healthcheck`` and the content of ``env_file``.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import yaml

from weighbridge.domain.start.attempt import UNKNOWN
from weighbridge.domain.start.service import ServiceStart
from weighbridge.plan.compose import ComposeLoader, compose_services, interpolated, listed, scalar_text
from weighbridge.plan.definition import ImageDefinition

_KEYS = ("command", "entrypoint", "user", "working_dir")
_UNSET_VARIABLE = re.compile(r"\$(?:\$|\{[A-Za-z_]\w*:?-[^{}]*\}|(?P<unset>\{?[A-Za-z_]\w*))")
_MAXIMUM_WORDS = 1000
_MAXIMUM_STARTS = 20
_MAXIMUM_ITEMS = 200


class _UnknownTextError(Exception):
    """A value that only Compose knows."""


def with_starts(images: Iterable[ImageDefinition], data: bytes, *, path: str) -> tuple[ImageDefinition, ...]:
    """The images with the starts that the services of the Compose file `path` configure.

    Services that build the same image get the starts of all of them, because it is weighed once. Raises ConfigError
    for a file that is not a Compose file.
    """
    services, lines = compose_services(data, path=path), _lines(data)
    built = list(images)
    starts: dict[object, list[ServiceStart]] = {}
    for image in built:
        service = services.get(image.name)
        start = _start(service, image.name, path, lines.get(image.name, {})) if isinstance(service, dict) else None
        if start is not None:
            starts.setdefault(image.what, []).append(start)
    return tuple(replace(image, starts=tuple(starts.get(image.what, ())[:_MAXIMUM_STARTS])) for image in built)


def _start(service: Mapping[Any, Any], name: str, path: str, lines: Mapping[str, int]) -> ServiceStart | None:
    changed = [key for key in _KEYS if service.get(key) is not None]
    if not changed:
        return None
    start = ServiceStart(service=name, file=path, line=lines.get(changed[0], lines.get("", 1)))
    if service.get("extends") is not None:
        return replace(start, unknown_because="it extends another service")
    try:
        return replace(
            start,
            entrypoint=_command(service.get("entrypoint")),
            command=_command(service.get("command")),
            user=_text(service.get("user")),
            working_dir=_text(service.get("working_dir")),
            environment=tuple(_environment(service.get("environment"))),
            mounts=tuple(_mounts(service)),
            has_more_variables=bool(listed(service.get("env_file"))),
            has_more_privilege=bool(service.get("privileged") or service.get("cap_add")),
        )
    except _UnknownTextError as error:
        return replace(start, unknown_because=str(error))


def _known(written: object) -> str:
    """The text of a value without variables; a variable with a default has that."""
    text = scalar_text(written)
    for match in _UNSET_VARIABLE.finditer(text):
        if match["unset"]:
            raise _UnknownTextError(f"it uses the variable {match['unset'].lstrip('{')}, which only Compose knows")
    return interpolated(text)


def _text(written: object) -> str | None:
    return None if written is None else _known(written)


def _command(written: object) -> tuple[str, ...] | None:
    if written is None:
        return None
    if isinstance(written, list):
        return tuple(_known(word) for word in written[:_MAXIMUM_WORDS])
    try:
        return tuple(shlex.split(_known(written)))
    except ValueError as error:
        raise _UnknownTextError("its command has an open quote") from error


def _environment(written: object) -> Iterator[tuple[str, str]]:
    pairs: list[tuple[str, object]] = []
    if isinstance(written, dict):
        pairs = [(str(name), value) for name, value in written.items()]
    elif isinstance(written, list):
        for one in written:
            key, equals, text = str(one).partition("=")
            pairs.append((key, text if equals else None))
    for name, value in pairs[:_MAXIMUM_ITEMS]:
        try:
            # Without a value, Compose passes its own variable on.
            yield name, UNKNOWN if value is None else _known(value)
        except _UnknownTextError:
            yield name, UNKNOWN


def _mounts(service: Mapping[Any, Any]) -> Iterator[str]:
    """The paths of the container that the service covers."""
    for one in (*listed(service.get("volumes")), *listed(service.get("configs")))[:_MAXIMUM_ITEMS]:
        if isinstance(one, dict):
            yield scalar_text(one.get("target") or f"/{one.get('source')}")
            continue
        parts = interpolated(scalar_text(one)).split(":")
        yield next((part for part in parts[1:2] if part.startswith("/")), parts[0])
    yield from (scalar_text(one).partition(":")[0] for one in listed(service.get("tmpfs"))[:_MAXIMUM_ITEMS])


def _lines(data: bytes) -> dict[str, dict[str, int]]:
    """The lines of the keys of each service, which itself is the key ``""``. Keys of merged mappings have none."""
    try:
        root = yaml.compose(data.decode("utf-8", "replace"), Loader=ComposeLoader)
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}
    found: dict[str, dict[str, int]] = {}
    for name, service in _entries(_value(root, "services")):
        keys = {key.value: key.start_mark.line + 1 for key, _ in _entries(service) if isinstance(key.value, str)}
        found[str(name.value)] = {"": name.start_mark.line + 1, **keys}
    return found


def _entries(node: yaml.Node | None) -> list[tuple[yaml.ScalarNode, yaml.Node]]:
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    return [(key, value) for key, value in pairs if isinstance(key, yaml.ScalarNode)]


def _value(node: yaml.Node | None, name: str) -> yaml.Node | None:
    return next((value for key, value in _entries(node) if key.value == name), None)
