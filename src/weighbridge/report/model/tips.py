"""Tips in the report, with the results of building them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from weighbridge.domain.tips.tip import Basis
from weighbridge.report.model.start import TrialReport


@dataclass(frozen=True, kw_only=True, slots=True)
class MeasuredEarlier:
    """The earlier run that measured: its commit, and its time (ISO 8601, UTC).

    `same_content`: all build inputs are the same now. If false, copied files have changed since.
    """

    commit: str
    at: str
    same_content: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class TipReport:
    """A way to make the image smaller, with its saving in bytes and the basis of that number.

    `patch` is a unified diff for ``git apply``: the repository's own lines are not masked. `not_built` says why a patch
    was not built and measured: a limit of the run, or builds are disabled. `measured` is the earlier run that measured
    it; null: this run. `introduced`: the change adds the bytes that the tip saves; null if unknown. `cures_start`: head
    starts only with the patch.
    """

    code: str
    saved_bytes: int | None
    basis: Basis
    line: int | None
    explanation: str
    patch: str | None
    before_bytes: int | None
    after_bytes: int | None
    not_built: str | None = None
    measured: MeasuredEarlier | None = None
    introduced: bool | None = None
    cures_start: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class DroppedTip:
    """A tip that is not proposed after its patch was built: it does not build, does not start, or saves too little."""

    code: str
    line: int | None
    ground: Literal["does not build", "does not start", "a check warns", "saves too little"]
    reason: str
    saved_bytes: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class CombinedTips:
    """The best set of compatible patches, applied, built and measured together; `codes` name its tips."""

    codes: tuple[str, ...]
    lines: tuple[int | None, ...]
    saved_bytes: int
    before_bytes: int
    after_bytes: int
    patch: str
    measured: MeasuredEarlier | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class LadderRow:
    """The image on another base, really built; the first row is the current image.

    Unknown values of a row that was not built are null, and `reason` says why; for an image that will not start, it
    names the error. `lost` names what the image loses on this base; `debug_tools` are the usual tools that it has.
    """

    name: str
    outcome: Literal["as it is", "built", "does not build", "not tried"]
    unpacked_bytes: int | None = None
    download_bytes: int | None = None
    download_estimated: bool = False
    starts: Literal["yes", "no", "not checked"] | None = None
    trial: TrialReport | None = None
    shell: bool | None = None
    debug_tools: tuple[str, ...] | None = None
    lost: tuple[str, ...] = ()
    reason: str | None = None
    patch: str | None = None
    measured: MeasuredEarlier | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class SharedTipReport:
    """A way for several images to share layers. A node with all of `images` saves `saved_bytes`."""

    code: str
    saved_bytes: int
    basis: Basis
    images: tuple[str, ...]
    explanation: str
