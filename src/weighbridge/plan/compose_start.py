"""Reads how the services of a Compose file start their images: command, entrypoint, user, folder and variables.

Source: the Compose specification, "services". A command that is one text is split into words like a shell does it, and
is not run by a shell. A service that extends another one of its file has its values; the override file of the folder is
merged as Compose does it. Profiles do not matter: every service counts. Not read: ``extends`` of another file, the
values of ``env_file``, and what ``include`` adds.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import yaml

from weighbridge.domain.start.attempt import UNKNOWN
from weighbridge.domain.start.service import ServiceStart
from weighbridge.plan.compose import ComposeLoader, compose_services, interpolated, listed, scalar_text
from weighbridge.plan.definition import ImageDefinition

OVERRIDE_NAMES = (
    *("compose.override.yml", "compose.override.yaml"),
    *("docker-compose.override.yml", "docker-compose.override.yaml"),
)
"""In Compose's order of precedence: the first one of the folder counts."""

_KEYS = ("command", "entrypoint", "user", "working_dir", "healthcheck")
_APPENDED = frozenset({"volumes", "tmpfs", "configs", "env_file", "cap_add"})
_MAXIMUM_EXTENDS = 10
_UNSET_VARIABLE = re.compile(r"\$(?:\$|\{[A-Za-z_]\w*:?-[^{}]*\}|(?P<unset>\{?[A-Za-z_]\w*))")
_MAXIMUM_WORDS = 1000
_MAXIMUM_STARTS = 20
_MAXIMUM_ITEMS = 200


class _UnknownTextError(Exception):
    """A value that only Compose knows."""


def with_starts(
    images: Iterable[ImageDefinition], data: bytes, *, path: str, override: tuple[str, bytes] | None = None
) -> tuple[ImageDefinition, ...]:
    """The images with the starts that the services of the Compose file `path` configure.

    `override` is the path and the content of the file that Compose merges into it.

    Services that build the same image get the starts of all of them, because it is weighed once. Raises ConfigError
    for a file that is not a Compose file.
    """
    places = [(path, data)] if override is None else [(path, data), override]
    files = [(file, compose_services(content, path=file), _lines(content)) for file, content in places]
    built = list(images)
    starts: dict[object, list[ServiceStart]] = {}
    for image in built:
        start = _merged_start(image.name, files)
        if start is not None:
            starts.setdefault(image.what, []).append(start)
    return tuple(replace(image, starts=tuple(starts.get(image.what, ())[:_MAXIMUM_STARTS])) for image in built)


_File = tuple[str, Mapping[Any, Any], dict[str, dict[str, int]]]
"""A Compose file: its path, its services, and the lines of their keys."""


def _merged_start(name: str, files: Sequence[_File]) -> ServiceStart | None:
    """The start of a service after all files; its line is that of the last file that changes it."""
    merged: Mapping[Any, Any] = {}
    start: ServiceStart | None = None
    unknown: str | None = None
    for path, services, lines in files:
        if not isinstance(services.get(name), dict):
            continue
        try:
            service = _extended(services, name, _MAXIMUM_EXTENDS)
        except _UnknownTextError as error:
            service, unknown = services[name], str(error)
        merged = _merge(merged, service)
        changed = [key for key in _KEYS if service.get(key) is not None]
        if changed or (unknown is not None and start is None):
            own = lines.get(name, {})
            line = own.get(changed[0] if changed else "extends", own.get("", 1))
            start = ServiceStart(service=name, file=path, line=line)
    if start is None:
        return None
    return replace(start, unknown_because=unknown) if unknown is not None else _start(start, merged)


def _extended(services: Mapping[Any, Any], name: object, depth: int) -> Mapping[Any, Any]:
    """The service with the values of those that it extends. Raises _UnknownTextError for another file's."""
    service = services.get(name)
    if not isinstance(service, dict):
        raise _UnknownTextError("it extends a service that is not there")
    extends = service.get("extends")
    if extends is None:
        return service
    if isinstance(extends, dict) and extends.get("file"):
        raise _UnknownTextError("it extends a service of another file")
    parent = extends.get("service") if isinstance(extends, dict) else extends
    if depth == 0 or not isinstance(parent, str):
        raise _UnknownTextError("it extends another service")
    return _merge(_extended(services, parent, depth - 1), service)


def _merge(below: Mapping[Any, Any], above: Mapping[Any, Any]) -> Mapping[Any, Any]:
    """Compose's merge: variables by name, mounts and the like in addition, everything else replaced."""
    merged = {**below, **{key: value for key, value in above.items() if value is not None}}
    for key in _APPENDED & below.keys() & above.keys():
        merged[key] = [*listed(below[key]), *listed(above[key])][: 2 * _MAXIMUM_ITEMS]
    if "environment" in below and "environment" in above:
        merged["environment"] = dict([*_variables(below["environment"]), *_variables(above["environment"])])
    if isinstance(below.get("healthcheck"), dict) and isinstance(above.get("healthcheck"), dict):
        merged["healthcheck"] = {**below["healthcheck"], **above["healthcheck"]}
    return merged


def _start(start: ServiceStart, service: Mapping[Any, Any]) -> ServiceStart:
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
            healthcheck=_healthcheck(service.get("healthcheck")),
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


def _healthcheck(written: object) -> tuple[str, ...] | None:
    """The test as the image's configuration has it; a text is one for the shell."""
    if not isinstance(written, dict):
        return None
    if written.get("disable") is True:
        return ("NONE",)
    test = written.get("test")
    if isinstance(test, list):
        return tuple(_known(word) for word in test[:_MAXIMUM_WORDS])
    return None if test is None else ("CMD-SHELL", _known(test))


def _variables(written: object) -> list[tuple[str, object]]:
    """The names and values of ``environment``, which is a mapping or a list; None for one that Compose passes on."""
    if isinstance(written, dict):
        return [(str(name), value) for name, value in written.items()][:_MAXIMUM_ITEMS]
    pairs: list[tuple[str, object]] = []
    for one in written[:_MAXIMUM_ITEMS] if isinstance(written, list) else ():
        key, equals, text = str(one).partition("=")
        pairs.append((key, text if equals else None))
    return pairs


def _environment(written: object) -> Iterator[tuple[str, str]]:
    for name, value in _variables(written):
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
