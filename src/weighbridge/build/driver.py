"""Whose builder builds: the engine's own, or one whose images the engine does not see."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from weighbridge.build.client import BuildClient, BuildKind, ask
from weighbridge.domain.lines import lines_of
from weighbridge.engine.connection import current_context
from weighbridge.errors import EngineError

_FIELD = re.compile(r"(Name|Driver|Error):\s+(\S.*?)\s*\Z")
_INSPECT_SECONDS = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class BuilderDriver:
    """The builder `name`, and how buildx reaches it.

    `driver` is ``docker`` for the BuildKit of an engine, else ``docker-container``, ``remote``, ``kubernetes`` or
    ``cloud``. `is_engines_own` says that what it builds can be loaded into the engine without a detour.
    """

    name: str
    driver: str
    is_engines_own: bool


def find_driver(client: BuildClient, environment: Mapping[str, str], name: str | None) -> BuilderDriver:
    """The builder `name`, or without one that which buildx would use by itself.

    Raises EngineError where there is no such builder, or no buildx that could use it.
    """
    own = BuilderDriver(name=name or "default", driver="docker", is_engines_own=True)
    if client.kind is not BuildKind.BUILDX:
        if name is not None:
            raise EngineError(f"the builder {name} needs buildx, which is not here. Install it (docker-buildx).")
        return own
    # `ls --format json` would be nicer to read, but it asks every builder there is, also those that do not answer, and
    # does not say in buildx 0.13 which one is in use.
    command = client.buildx("inspect", *([name] if name else []))
    answer = ask(command, environment, timeout_seconds=_INSPECT_SECONDS)
    if answer.output is None and name is None and not environment.get("BUILDX_BUILDER"):
        return own  # an engine or a context that is not there, which says so better itself
    if answer.output is None:
        raise EngineError(f"the buildx builder {name or 'in use'} cannot be used: {answer.error}")
    head = lines_of(answer.output.partition("\n\n")[0])
    facts = {str(found[1]): str(found[2]) for line in head if (found := _FIELD.match(line))}
    if "Name" not in facts or "Driver" not in facts:
        if name is None:
            return own  # the same
        why = facts.get("Error", "buildx does not say which driver it has. Update docker-buildx.")
        raise EngineError(f"the buildx builder {name} cannot be used: {why}")
    is_own = facts["Driver"] == "docker"  # an engine's own BuildKit, called after the engine's context
    if is_own and facts["Name"] != current_context(environment):
        raise EngineError(
            f"the builder {facts['Name']} is that of another engine. Use that engine for everything:"
            f" DOCKER_CONTEXT={facts['Name']}, without DOCKER_HOST."
        )
    return BuilderDriver(name=facts["Name"], driver=facts["Driver"], is_engines_own=is_own)
