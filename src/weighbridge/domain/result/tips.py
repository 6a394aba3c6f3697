"""The results of an image's tips and of the ladder: built ones with their saving, and rejected ones."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from weighbridge.domain.start.trial import Trial
from weighbridge.domain.tips.measured import Measured, Objection
from weighbridge.domain.tips.tip import Tip


@dataclass(frozen=True, kw_only=True, slots=True)
class EarlierMeasurement:
    """The earlier run that measured: its commit, and its time (Unix time).

    `is_same_content`: all build inputs are the same now. Otherwise copied files differ.
    """

    commit: str
    measured_at: int
    is_same_content: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class ProposedTip:
    """A tip with its patch. `not_built` says why the patch was not built; ``None`` if it was, or if there is no patch.

    `earlier` is the run that measured it, and `before_bytes` the image's size there; ``None``: this run, this image.
    `cures_start`: the image does not start, and with the patch it does.
    """

    tip: Tip
    patch: str | None = None
    not_built: str | None = None
    earlier: EarlierMeasurement | None = None
    before_bytes: int | None = None
    cures_start: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class RejectedTip:
    """A tip whose patch was built and is not proposed. `saved_bytes` is ``None`` if it does not build."""

    tip: Tip
    objection: Objection
    saved_bytes: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class TipCombination:
    """The best set of compatible patches, applied, built and measured together."""

    tips: tuple[Tip, ...]
    before_bytes: int
    after_bytes: int
    patch: str
    earlier: EarlierMeasurement | None = None


class RungOutcome(enum.StrEnum):
    """The outcome of a rung of the ladder, with the names of the report."""

    AS_IT_IS = "as it is"
    BUILT = "built"
    DOES_NOT_BUILD = "does not build"
    NOT_TRIED = "not tried"


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialResult:
    """A real start. `agrees`: it confirms the prediction; ``None`` if it is inconclusive."""

    trial: Trial
    agrees: bool | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Rung:
    """The image on one base. `measured` are its figures if it was built; `reason` says why it was not."""

    name: str
    outcome: RungOutcome
    measured: Measured | None = None
    trial: TrialResult | None = None
    lost: tuple[str, ...] = ()
    reason: str | None = None
    patch: str | None = None
    earlier: EarlierMeasurement | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageTips:
    """All tips of one image of `before_bytes`; `not_combined` says why patches were not built together."""

    before_bytes: int
    proposed: tuple[ProposedTip, ...] = ()
    rejected: tuple[RejectedTip, ...] = ()
    combination: TipCombination | None = None
    not_combined: str | None = None
    ladder: tuple[Rung, ...] = ()
