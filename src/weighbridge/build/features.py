"""Finds Dockerfile features that the classic builder does not support."""

from __future__ import annotations

from weighbridge.domain.dockerfile.model import Dockerfile, Instruction
from weighbridge.errors import EngineError

_FLAGS = frozenset({"mount", "network", "security", "link", "parents", "exclude", "checksum", "keep-git-dir", "chmod"})


def require_buildkit(dockerfile: Dockerfile, *, target: str | None) -> None:
    """Raises EngineError for the first line of `dockerfile` that needs BuildKit."""
    for stage in dockerfile.reachable_stages(target):
        for instruction in stage.instructions:
            feature = _feature(instruction)
            if feature is not None:
                raise EngineError(
                    f"{dockerfile.path}:{instruction.line}: {feature} needs BuildKit. Install docker-buildx."
                )


def _feature(instruction: Instruction) -> str | None:
    """The feature in `instruction` that the classic builder does not support."""
    for name in instruction.flags:
        if name in _FLAGS:
            return f"{instruction.name} --{name}"
    if instruction.heredocs:
        return f"{instruction.name} with a here-document"
    return None
