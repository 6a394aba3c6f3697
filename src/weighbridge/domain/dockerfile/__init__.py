"""A Dockerfile as a value: parsed as BuildKit parses it, with stages, variables and sources resolved."""

from weighbridge.domain.dockerfile.model import Dockerfile, Heredoc, Instruction, Origin, Source, Stage
from weighbridge.domain.dockerfile.parse import MAXIMUM_DOCKERFILE_BYTES, parse_dockerfile

__all__ = [
    "MAXIMUM_DOCKERFILE_BYTES",
    "Dockerfile",
    "Heredoc",
    "Instruction",
    "Origin",
    "Source",
    "Stage",
    "parse_dockerfile",
]
