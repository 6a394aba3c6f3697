"""Which Dockerfiles the classic builder can build: those that use nothing BuildKit brought."""

from __future__ import annotations

from weighbridge.domain.dockerfile.model import Dockerfile, Instruction
from weighbridge.errors import EngineError

_FLAGS = frozenset({"mount", "network", "security", "link", "parents", "exclude", "checksum", "keep-git-dir", "chmod"})


def require_buildkit(dockerfile: Dockerfile, *, target: str | None) -> None:
    """Raises EngineError naming the first line of `dockerfile` that only BuildKit understands; else does nothing."""
    for stage in dockerfile.reachable_stages(target):
        for instruction in stage.instructions:
            feature = _feature(instruction)
            if feature is not None:
                raise EngineError(
                    f"{dockerfile.path}:{instruction.line}: {feature} needs BuildKit, and the docker client here has"
                    " none. Install buildx (docker-buildx)."
                )


def _feature(instruction: Instruction) -> str | None:
    """What in `instruction` the classic builder does not know."""
    for name in instruction.flags:
        if name in _FLAGS:
            return f"{instruction.name} --{name}"
    if instruction.heredocs:
        return f"{instruction.name} with a here-document"
    return None
