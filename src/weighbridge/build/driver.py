"""Finds the builder: the engine's own, or a builder outside the engine."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from weighbridge.build.client import BuildClient, BuildKind, ask
from weighbridge.domain.lines import lines_of
from weighbridge.engine.connection import current_context
from weighbridge.engine.watch import EngineWatch
from weighbridge.errors import EngineError
from weighbridge.known_sockets import KnownSockets

_FIELD = re.compile(r"(Name|Driver|Error):\s+(\S.*?)\s*\Z")
_INSPECT_SECONDS = 20
_PING_SECONDS = 15.0
"""Timeout of a ping. buildx itself reports a builder as inactive after 20 seconds without an answer, which would look
like an answer here."""
_PING_EVERY_SECONDS = 10.0
_LOST_AFTER_SECONDS = 45.0
"""Two pings without an answer: a build then ends about one minute after the last sign of life."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BuilderDriver:
    """The builder `name` and its driver.

    `driver` is ``docker`` for the BuildKit of an engine, otherwise ``docker-container``, ``remote``, ``kubernetes`` or
    ``cloud``. `is_engines_own`: the builder stores images in the engine directly.
    """

    name: str
    driver: str
    is_engines_own: bool


def find_driver(client: BuildClient, environment: Mapping[str, str], name: str | None) -> BuilderDriver:
    """The builder `name`; without a name, the current builder of buildx.

    Raises EngineError if the builder does not exist, or if buildx is missing.
    """
    own = BuilderDriver(name=name or "default", driver="docker", is_engines_own=True)
    if client.kind is not BuildKind.BUILDX:
        if name is not None:
            raise EngineError(f"the builder {name} needs buildx. Install docker-buildx.")
        return own
    # Not `ls --format json`: it contacts every builder, also unreachable ones, and buildx 0.13 does not mark the
    # current builder in it.
    command = client.buildx("inspect", *([name] if name else []))
    answer = ask(command, environment, timeout_seconds=_INSPECT_SECONDS)
    if answer.output is None and name is None and not environment.get("BUILDX_BUILDER"):
        return own  # the engine or context is missing; connecting to it gives a better message
    if answer.output is None:
        raise EngineError(f"the buildx builder {name or 'in use'} cannot be used: {answer.error}")
    head = lines_of(answer.output.partition("\n\n")[0])
    facts = {str(found[1]): str(found[2]) for line in head if (found := _FIELD.match(line))}
    if "Name" not in facts or "Driver" not in facts:
        if name is None:
            return own  # the same
        why = facts.get("Error", "buildx does not print its driver. Update docker-buildx.")
        raise EngineError(f"the buildx builder {name} cannot be used: {why}")
    is_own = facts["Driver"] == "docker"  # an engine's own BuildKit has the name of the engine's context
    if is_own and facts["Name"] != current_context(environment):
        raise EngineError(
            f"the builder {facts['Name']} belongs to another engine. Set DOCKER_CONTEXT={facts['Name']}"
            " and unset DOCKER_HOST."
        )
    return BuilderDriver(name=facts["Name"], driver=facts["Driver"], is_engines_own=is_own)


def watch_builder(
    client: BuildClient,
    environment: Mapping[str, str],
    driver: BuilderDriver,
    *,
    ping_seconds: float = _PING_SECONDS,
    lost_after_seconds: float = _LOST_AFTER_SECONDS,
) -> EngineWatch:
    """A started watch of a builder outside the engine, which asks it while its builds are silent.

    ``buildx inspect`` asks BuildKit for its workers, which answers during a build too. Only a timeout counts as no
    answer: an error of buildx itself, or a builder that only the build starts, says nothing about a running build.
    """

    def ping() -> None:
        if ask(client.buildx("inspect", driver.name), environment, timeout_seconds=ping_seconds).is_late:
            raise TimeoutError

    watch = EngineWatch(
        ping,
        KnownSockets(),
        name=f"the builder {driver.name}",
        lost_after_seconds=lost_after_seconds,
        every_seconds=_PING_EVERY_SECONDS,
    )
    watch.start()
    return watch
