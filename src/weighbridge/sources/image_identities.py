"""Resolves image names to digests, without pulling.

An identity is equal for equal images. It includes its source, because an engine and a registry may name one image
differently. Identities of different sources are never compared.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import docker
import docker.errors
import requests

from weighbridge.errors import WeighbridgeError
from weighbridge.sources.credentials import docker_credentials
from weighbridge.sources.reference import split_registry_name
from weighbridge.sources.registry import Registry

_TIMEOUT_SECONDS = 5.0
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")


def image_identities(names: Iterable[str], *, engine: Callable[[], docker.DockerClient] | None) -> dict[str, str]:
    """The identity of each of `names` that can be resolved, from the engine first (``None``: no engine).

    Names with a digest need no resolution and are left out, as are names that cannot be resolved.
    """
    found: dict[str, str] = {}
    for name in dict.fromkeys(names):
        if "@sha256:" in name:
            continue
        identity = (_in_engine(name, engine) if engine is not None else None) or _in_registry(name)
        if identity is not None:
            found[name] = identity
    return found


def moved_images(then: Mapping[str, str], now: Mapping[str, str]) -> tuple[str, ...]:
    """The names that resolve to another image `now` than they did `then`. Compares results of the same source only."""
    return tuple(
        name
        for name, identity in then.items()
        if name in now and now[name] != identity and now[name].split(" ")[0] == identity.split(" ")[0]
    )


def _in_engine(name: str, engine: Callable[[], docker.DockerClient]) -> str | None:
    try:
        api: Any = engine().api
        image_id = str(api.inspect_image(name)["Id"])
    except (docker.errors.DockerException, requests.RequestException, OSError, WeighbridgeError):
        return None
    return f"engine {image_id}" if _DIGEST.match(image_id) else None


def _in_registry(name: str) -> str | None:
    try:
        registry = Registry(
            split_registry_name(name),
            credentials=docker_credentials,
            timeout_seconds=_TIMEOUT_SECONDS,
            retry_after_seconds=(),
        )
    except WeighbridgeError:  # an invalid name, which BuildKit reports
        return None
    try:
        return f"registry {registry.digest()}"
    except WeighbridgeError:
        return None
    finally:
        registry.close()
