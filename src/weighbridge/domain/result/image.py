"""`ImageResult`: everything that a run knows of one image."""

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
    """Which image this is, and where it is defined; ``None`` for what an existing image does not say."""

    name: str
    dockerfile: str | None = None
    context: str | None = None
    target: str | None = None
    platform: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class CachedBase:
    """A base that an earlier run measured, in seconds of Unix time.

    `moved_images` are the names of images that stood for other images then.
    """

    measured_at: int
    moved_images: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class RatchetBaseline:
    """What the image weighed where its ratchet begins. `reason` says why that is unknown."""

    ratchet: Ratchet
    commit: str | None = None
    baseline_bytes: int | None = None
    reason: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageHistory:
    """What the image weighed on the default branch, oldest first, and where its ratchet begins."""

    points: tuple[Point, ...] = ()
    ratchet: RatchetBaseline | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageResult:
    """One image of a run. Steps that come later add to it what they find; none takes anything back.

    `reason` says in words why it is unchanged, skipped or failed. `comparison` is ``None`` if nothing was compared:
    the image is not affected, skipped, or head failed. Where base failed, `comparison` is of head alone.
    `build_seconds` is the sum over both builds; ``None`` if nothing was built. `tips` is ``None`` until tips are
    looked for. `growth_unknown_because` says why no growth is known although base has the image. `as_base_defines` is
    there where head defines the image in another way than base. `remarks` are what else a reader must know.
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
