"""Builds on podman: its Docker-compatible API has no BuildKit, but podman's own builder behind the classic build call.

buildx on such an engine tries to start a BuildKit container of its own, which needs an image of the public registry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import docker
import docker.errors
import requests

from weighbridge.build.client import BuildClient, BuildKind
from weighbridge.build.driver import BuilderDriver
from weighbridge.engine.connection import current_context
from weighbridge.errors import EngineError

_COMPONENT = "Podman Engine"


def is_podman(client: docker.DockerClient) -> bool:
    """True if podman answers in place of Docker Engine; false if the engine does not say."""
    try:
        components = client.version().get("Components") or ()
    except (docker.errors.DockerException, requests.RequestException, AttributeError):
        return False
    return any(isinstance(one, dict) and one.get("Name") == _COMPONENT for one in components)


def on_podman(
    client: BuildClient,
    driver: BuilderDriver,
    engine: Callable[[], docker.DockerClient],
    environment: Mapping[str, str],
) -> tuple[BuildClient, BuilderDriver]:
    """The client and driver to use: `client` and `driver`, or the classic build call if the engine is podman.

    A builder apart from the engine stays as it is. Raises EngineError if podman has no client for the classic call.
    """
    if driver.name != current_context(environment) or not _reaches_podman(engine, driver):
        return client, driver
    if client.is_standalone:
        raise EngineError(
            "the engine is podman, whose API has no BuildKit. Install the docker command, name another builder"
            " (--builder), or build with podman and use: weighbridge compare OLD NEW"
        )
    own = BuilderDriver(name=driver.name, driver="docker", is_engines_own=True)
    return replace(client, kind=BuildKind.CLASSIC, is_podman=True), own


def _reaches_podman(engine: Callable[[], docker.DockerClient], driver: BuilderDriver) -> bool:
    try:
        return is_podman(engine())
    except EngineError:
        if driver.is_engines_own:
            raise
        return False  # a builder that needs no engine
