"""`ImageResult`: all data of a run on one image."""

from __future__ import annotations

from dataclasses import dataclass, field

from weighbridge.domain.gate.scale import AsBaseDefines
from weighbridge.domain.gate.settings import Limits, Ratchet
from weighbridge.domain.result.comparison import ImageComparison
from weighbridge.domain.result.failure import SideFailure
from weighbridge.domain.result.side import SideResult
from weighbridge.domain.result.status import Status
from weighbridge.domain.result.tips import ImageTips, TrialResult
from weighbridge.domain.side import Side
from weighbridge.domain.size_history import Point


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageName:
    """The identity and definition of an image; fields that an existing image lacks are ``None``.

    `base_name` is its name in base, if it differs.
    """

    name: str
    base_name: str | None = None
    dockerfile: str | None = None
    context: str | None = None
    target: str | None = None
    platform: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class CachedBase:
    """A base that an earlier run measured, in seconds of Unix time.

    `moved_images` are the names that resolved to other images then.
    """

    measured_at: int
    moved_images: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class RatchetBaseline:
    """The size of the image at the start of its ratchet. `reason` says why it is unknown."""

    ratchet: Ratchet
    commit: str | None = None
    baseline_bytes: int | None = None
    reason: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageHistory:
    """The sizes of the image on the default branch, oldest first, and the start of its ratchet."""

    points: tuple[Point, ...] = ()
    ratchet: RatchetBaseline | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageResult:
    """One image of a run. Later steps add their results to it; none removes any.

    `reason` says why it is unchanged, skipped or failed. `comparison` is ``None`` if nothing was compared: the image is
    unaffected or skipped, or head failed. If base failed, `comparison` covers only head. `build_seconds` is the sum
    over both builds; ``None`` if nothing was built. `tips` is ``None`` before the search for tips.
    `growth_unknown_because` says why the growth is unknown although base has the image. `as_base_defines` is set if
    head changes the definition of the image. `remarks` are further notes for the reader.
    """

    image: ImageName
    status: Status
    reason: str | None = None
    base: SideResult | None = None
    head: SideResult | None = None
    comparison: ImageComparison | None = None
    failures: tuple[SideFailure, ...] = ()
    cached_base: CachedBase | None = None
    build_seconds: float | None = None
    trial: TrialResult | None = None
    tips: ImageTips | None = None
    limits: Limits = field(default_factory=Limits)
    history: ImageHistory = field(default_factory=ImageHistory)
    growth_unknown_because: str | None = None
    as_base_defines: AsBaseDefines | None = None
    remarks: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The image's name, unique in a run."""
        return self.image.name

    def failure_of(self, side: Side) -> SideFailure | None:
        """Why `side` has no size; ``None`` if it was weighed or does not exist."""
        return next((one for one in self.failures if one.side == side), None)
