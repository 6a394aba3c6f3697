"""Finds Dockerfile features that a builder without BuildKit does not support: docker's classic builder, or podman's."""

from __future__ import annotations

import re

from weighbridge.build.client import BuildClient
from weighbridge.domain.dockerfile.model import Dockerfile, Instruction
from weighbridge.errors import EngineError

_FLAGS = frozenset({"mount", "network", "security", "link", "parents", "exclude", "checksum", "keep-git-dir", "chmod"})
_MOUNTS_OF_PODMAN = frozenset({"bind", "cache", "tmpfs"})
"""Mounts that podman's builder makes without further options of the build (tried with podman 4.3)."""
_MOUNT_TYPE = re.compile(r"(?:\A|,)type=([^,]*)", re.IGNORECASE)
_FIX = "Install docker-buildx."
_FIX_ON_PODMAN = (
    "podman's API has none. Name another builder (--builder), or build with podman and use: weighbridge compare OLD NEW"
)


def require_supported(client: BuildClient, dockerfile: Dockerfile, *, target: str | None) -> None:
    """Raises EngineError for the first line of `dockerfile` that needs BuildKit, if `client` has none."""
    if client.has_buildkit:
        return
    for stage in dockerfile.reachable_stages(target):
        for instruction in stage.instructions:
            feature = _feature(instruction, on_podman=client.is_podman)
            if feature is not None:
                place = f"{dockerfile.path}:{instruction.line}"
                if client.is_podman:
                    raise EngineError(f"{place}: {feature} needs BuildKit, and {_FIX_ON_PODMAN}")
                raise EngineError(f"{place}: {feature} needs BuildKit. {_FIX}")


def _feature(instruction: Instruction, *, on_podman: bool) -> str | None:
    """The feature in `instruction` that the builder does not support."""
    for name, values in instruction.flags.items():
        if name in _FLAGS and not (on_podman and _is_of_podman(name, values)):
            return f"{instruction.name} --{name}"
    if instruction.heredocs:
        return f"{instruction.name} with a here-document"
    return None


def _is_of_podman(flag: str, values: tuple[str, ...]) -> bool:
    """True if podman's own builder supports `flag` with these values."""
    if flag != "mount":
        return flag == "chmod"
    return all((_MOUNT_TYPE.findall(value) or ["bind"])[-1].lower() in _MOUNTS_OF_PODMAN for value in values)
