"""The Dockerfile instructions of a ready image, as the provenance of its build records them."""

from __future__ import annotations

from dataclasses import dataclass

from weighbridge.domain.dockerfile import Dockerfile, parse_dockerfile
from weighbridge.domain.dockerfile.model import Instruction
from weighbridge.domain.image.image import Image
from weighbridge.errors import WeighbridgeError


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordedInstructions:
    """The instruction that made each layer, lowest first; ``None`` if it is not recorded."""

    instructions: tuple[Instruction | None, ...]
    notes: tuple[str, ...] = ()


def recorded_instructions(image: Image) -> RecordedInstructions:
    """The instructions of an image with provenance of ``mode=max``; no instruction for any other image.

    The Dockerfile is the builder's record of it, hostile like any other: one that does not parse gives a note.
    """
    unknown = (None,) * len(image.layers)
    build = image.attached.build
    if build is None or build.dockerfile is None or not any(build.layer_lines):
        return RecordedInstructions(instructions=unknown)
    try:
        dockerfile = parse_dockerfile(
            build.dockerfile, path=build.dockerfile_name, build_args=build.build_args, platform=image.config.platform
        )
    except WeighbridgeError as error:
        note = f"the Dockerfile in the provenance is not used, it does not parse: {error}"
        return RecordedInstructions(instructions=unknown, notes=(note,))
    by_line = {one.line: one for one in _all_instructions(dockerfile)}
    found = tuple(by_line.get(line) if line is not None else None for line in build.layer_lines)
    found = (*found, *unknown)[: len(unknown)]
    known = sum(one is not None for one in found)
    if not known:
        return RecordedInstructions(instructions=unknown)
    note = f"the Dockerfile lines of {known} of {len(found)} layers are known ({build.predicate})"
    return RecordedInstructions(instructions=found, notes=(note,))


def _all_instructions(dockerfile: Dockerfile) -> list[Instruction]:
    return [one for stage in dockerfile.stages for one in stage.instructions]
