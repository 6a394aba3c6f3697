"""Reads the ``ONBUILD`` instructions of images, from the engine or their registry, without pulling."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import docker
import docker.errors
import requests

from weighbridge.errors import WeighbridgeError
from weighbridge.sources.blob_stores import image_errors
from weighbridge.sources.credentials import docker_credentials
from weighbridge.sources.reference import split_registry_name
from weighbridge.sources.registry import Registry

_TIMEOUT_SECONDS = 5.0


def onbuild_instructions(name: str, engine: Callable[[], docker.DockerClient]) -> tuple[str, ...] | None:
    """The ``ONBUILD`` instructions of the image `name`; ``None`` if neither engine nor registry tells them.

    References: engine API, "Inspect an image"; docker's image specification, ``OnBuild`` of the image config.
    """
    instructions = _in_engine(name, engine)
    if instructions is None:
        instructions = _in_registry(name)
    return None if instructions is None else tuple(one for one in instructions if one.strip())


def _in_engine(name: str, engine: Callable[[], docker.DockerClient]) -> tuple[str, ...] | None:
    try:
        config = engine().images.get(name).attrs.get("Config") or {}
    except (docker.errors.DockerException, requests.RequestException, OSError, WeighbridgeError):
        return None
    return tuple(map(str, config.get("OnBuild") or ()))


def _in_registry(name: str) -> tuple[str, ...] | None:
    try:
        registry = Registry(
            split_registry_name(name),
            credentials=docker_credentials,
            timeout_seconds=_TIMEOUT_SECONDS,
            retry_after_seconds=(),
        )
        with contextlib.closing(registry), image_errors(registry.what):
            return registry.image(None).description.config.on_build
    except (WeighbridgeError, OSError):
        return None
