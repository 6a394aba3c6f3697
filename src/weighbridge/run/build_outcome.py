"""The outcome of one side of an image: built, cached, or failed. Imports nothing that builds."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from weighbridge.domain.dockerfile import Dockerfile
from weighbridge.domain.result.failure import FailureKind, SideFailure
from weighbridge.domain.side import Side
from weighbridge.domain.tips.tip import DockerfileSource
from weighbridge.errors import BuildError, DefectError, ImageError, WeighbridgeError
from weighbridge.progress.text import error_line
from weighbridge.sources.measurement_cache import CachedMeasurement
from weighbridge.sources.reference import ImageReference

if TYPE_CHECKING:
    from weighbridge.build.builder import BuildRequest


@dataclass(frozen=True, kw_only=True, slots=True)
class BuiltSide:
    """A side that this run built: the place of its image, its Dockerfile, and its build request.

    `seconds` is the duration of the build.
    """

    reference: ImageReference
    source: DockerfileSource
    request: BuildRequest
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class CachedSide:
    """A side that an earlier run measured. `reference` identifies it in the layer cache; no such image exists."""

    reference: ImageReference
    dockerfile: Dockerfile
    target: str | None
    measured: CachedMeasurement


BuildOutcome = BuiltSide | CachedSide | SideFailure | None
"""The outcome of one side; ``None`` if the image does not exist there."""
BuildOutcomes = Mapping[tuple[str, Side], BuildOutcome]
"""By image name and side."""


def base_image_of(side: BuiltSide | CachedSide) -> str | None:
    """The image in ``FROM`` that a side's final stage builds on; ``None`` for ``scratch`` or an unknown name."""
    dockerfile, target = (
        (side.source.dockerfile, side.source.target) if isinstance(side, BuiltSide) else (side.dockerfile, side.target)
    )
    with contextlib.suppress(WeighbridgeError):
        lowest = dockerfile.chain(dockerfile.final_stage(target))[0]
        return None if lowest.is_from_scratch else lowest.base or None
    return None


def titles_of(sides: Iterable[BuiltSide | CachedSide]) -> dict[ImageReference, str]:
    """The names of built images in the progress output: the titles of their builds."""
    return {one.reference: one.request.title for one in sides if isinstance(one, BuiltSide)}


def failure_of(side: Side, error: WeighbridgeError) -> SideFailure:
    """Converts `error` to the failure of one side."""
    if isinstance(error, DefectError):
        return SideFailure(side=side, kind=FailureKind.DEFECT, message=error_line(error))
    if isinstance(error, BuildError):
        return SideFailure(side=side, kind=FailureKind.BUILD, message=str(error), log_tail=error.log_tail)
    kind = FailureKind.UNREADABLE if isinstance(error, ImageError) else FailureKind.UNAVAILABLE
    return SideFailure(side=side, kind=kind, message=error_line(error))
