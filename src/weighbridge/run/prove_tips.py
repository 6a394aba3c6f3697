"""Sixth step: patches are built and measured, alone and together, and the image on other bases: the ladder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, zip_longest

from weighbridge.config import Tips
from weighbridge.domain.start.predict import Starts
from weighbridge.domain.tips import Basis, Candidate, Change, Tip, minimum_saving
from weighbridge.domain.tips.measured import Measured, Objection, objection
from weighbridge.domain.tips.patch import Patched, best_together
from weighbridge.report.assemble import text, tip_report, trial_report
from weighbridge.report.model import CombinedTips, DroppedTip, ImageReport, LadderRow, TipReport
from weighbridge.run.propose_tips import NOT_ASKED, NOT_CHANGED, Proposal, is_worth_building, with_tips
from weighbridge.run.rebuild import Broken, NotBuilt, Rebuilder, Rebuilt, Result, Variant

_MOST_COMBINATIONS = 3
"""So many sets of an image's patches are built, each without the least of the one before, until one holds."""


def verified(
    reports: Mapping[str, ImageReport],
    proposals: Sequence[Proposal],
    *,
    rebuilder: Rebuilder,
) -> dict[str, ImageReport]:
    """The reports of all images that have proposals, with their tips, as far as bounds allow built and measured."""
    settings = rebuilder.settings
    found = {}
    building: list[_Image] = []
    for proposal in proposals:
        report = reports[proposal.name]
        if settings.verify and is_worth_building(report, proposal):
            building.append(_Image(proposal, report, settings))
        else:
            found[report.name] = with_tips(report, proposal, not_built=NOT_CHANGED if settings.verify else NOT_ASKED)
    # The best tip of each image first, then the second of each: where a bound is reached, no image has gone without.
    rebuilder.build(_in_turns([image.variants() for image in building]))
    for image in building:
        image.judge(rebuilder)
    for _ in range(_MOST_COMBINATIONS):
        variants = [variant for image in building if (variant := image.combination()) is not None]
        if not variants:
            break
        rebuilder.build(variants)
        for image in building:
            image.judge_combination(rebuilder)
    rebuilder.build(_in_turns([image.rungs() for image in building]))
    for image in building:
        image.take_ladder(rebuilder)
    return {**found, **{image.report.name: image.told() for image in building}}


def _in_turns(queues: Sequence[Sequence[Variant]]) -> list[Variant]:
    return [variant for variant in chain.from_iterable(zip_longest(*queues)) if variant is not None]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Built:
    """A tip that holds: measured, its patch with it."""

    tip: Tip
    files: Patched


class _Image:
    """One image on its way through the rounds."""

    def __init__(self, proposal: Proposal, report: ImageReport, settings: Tips) -> None:
        self.report = report
        self._proposal = proposal
        self._before = proposal.before
        self._floor_bytes = minimum_saving(proposal.before.unpacked_bytes, settings.minimum_saving_bytes)
        self._tips: list[TipReport] = []
        self._dropped: list[DroppedTip] = []
        self._held: list[_Built] = []
        self._together: tuple[Tip, ...] = ()
        self._combined: CombinedTips | None = None
        self._ladder: tuple[LadderRow, ...] = ()
        self._not_combined: str | None = None

    def variants(self) -> list[Variant]:
        """What to build first: each tip's change by itself."""
        wanted = [self._variant(tip.code, [tip.change]) for tip in self._proposal.tips if tip.change]
        return [variant for variant in wanted if variant is not None]

    def rungs(self) -> list[Variant]:
        """What to build last: the image on other bases."""
        wanted = [self._variant(one.name, [one.change]) for one in self._proposal.candidates]
        return [variant for variant in wanted if variant is not None]

    def judge(self, rebuilder: Rebuilder) -> None:
        """Sort the tips into those that hold, those that nobody built, and those that are not proposed."""
        for tip in self._proposal.tips:
            variant = self._variant(tip.code, [tip.change]) if tip.change else None
            if variant is None:
                self._tips.append(tip_report(tip, before_bytes=self._before.unpacked_bytes))
            else:
                self._judge_tip(tip, variant, rebuilder.result(variant))
        self._together = best_together([one.tip for one in self._held])

    def take_ladder(self, rebuilder: Rebuilder) -> None:
        """The rows of the ladder, the image as it is and what was built by size, the rest below."""
        if self._proposal.candidates:
            rows = [self._row(candidate, rebuilder) for candidate in self._proposal.candidates]
            built = sorted((row for row in rows if row.unpacked_bytes is not None), key=_by_size)
            self._ladder = (self._as_it_is(), *built, *(row for row in rows if row.unpacked_bytes is None))

    def combination(self) -> Variant | None:
        """The next set of patches to build together; ``None`` where there is nothing more to try."""
        if self._combined is not None or len(self._together) < 2:
            return None
        changes = [tip.change for tip in self._together if tip.change]
        return self._variant(" + ".join(tip.code for tip in self._together), changes)

    def judge_combination(self, rebuilder: Rebuilder) -> None:
        """Take the set that was built if it holds, and else the same without what saves least."""
        variant = self.combination()
        if variant is None:
            self._together = ()
            return
        result = rebuilder.result(variant)
        best_alone = max(one.tip.saved_bytes or 0 for one in self._held)
        if isinstance(result, NotBuilt):
            self._not_combined = result.reason
        elif isinstance(result, Rebuilt) and self._objection(result) is None:
            saved_bytes = self._before.unpacked_bytes - result.measured.unpacked_bytes
            if saved_bytes > best_alone:
                self._combined = CombinedTips(
                    codes=tuple(tip.code for tip in self._together),
                    lines=tuple(tip.line for tip in self._together),
                    saved_bytes=saved_bytes,
                    before_bytes=self._before.unpacked_bytes,
                    after_bytes=result.measured.unpacked_bytes,
                    patch=text(variant.files.diff),
                )
        self._together = () if isinstance(result, NotBuilt) else self._together[:-1]

    def told(self) -> ImageReport:
        """The image's report with everything that was found."""
        tips = sorted(self._tips, key=lambda tip: (-(tip.saved_bytes or 0), tip.code, tip.line or 0))
        return replace(
            self.report,
            tips=tuple(tips),
            dropped_tips=tuple(self._dropped),
            combined=self._combined,
            ladder=self._ladder,
            not_combined=None if self._not_combined is None else text(self._not_combined),
        )

    def _variant(self, what: str, changes: Sequence[Change]) -> Variant | None:
        files = self._proposal.patched(changes)
        title = f"{self._proposal.name}: {what}"
        return None if files is None else Variant(proposal=self._proposal, title=title, files=files)

    def _judge_tip(self, tip: Tip, variant: Variant, result: Result) -> None:
        before_bytes = self._before.unpacked_bytes
        match result:
            case NotBuilt():
                self._tips.append(
                    tip_report(tip, before_bytes=before_bytes, patch=variant.files.diff, not_built=result.reason)
                )
            case Broken():
                against = Objection(ground="does not build", reason=f"the image does not build: {result.reason}")
                self._drop(tip, against)
            case Rebuilt():
                saved_bytes = before_bytes - result.measured.unpacked_bytes
                objected = self._objection(result)
                if objected is not None:
                    self._drop(tip, objected, saved_bytes=saved_bytes)
                    return
                measured = replace(tip, saved_bytes=saved_bytes, basis=Basis.REBUILT)
                self._held.append(_Built(tip=measured, files=variant.files))
                self._tips.append(tip_report(measured, before_bytes=before_bytes, patch=variant.files.diff))

    def _objection(self, result: Rebuilt) -> Objection | None:
        if result.trial is not None and result.agrees is False and result.measured.starts is Starts.YES:
            said = f"the image was really started: {result.trial.message}"
            return Objection(ground="does not start", reason=said)
        return objection(self._before, result.measured, floor_bytes=self._floor_bytes, ignores=self._proposal.ignores)

    def _drop(self, tip: Tip, objected: Objection, *, saved_bytes: int | None = None) -> None:
        self._dropped.append(
            DroppedTip(
                code=tip.code,
                line=tip.line,
                ground=objected.ground,
                reason=text(objected.reason),
                saved_bytes=saved_bytes,
            )
        )

    def _as_it_is(self) -> LadderRow:
        trial = self.report.head.trial if self.report.head else None
        return replace(_measured_row("as it is", self._before), outcome="as it is", trial=trial)

    def _row(self, candidate: Candidate, rebuilder: Rebuilder) -> LadderRow:
        lost = tuple(map(text, candidate.lost))
        row = LadderRow(name=text(candidate.name), outcome="not tried", lost=lost)
        variant = self._variant(candidate.name, [candidate.change])
        if variant is None:
            return replace(row, reason="the Dockerfile cannot be edited")
        result = rebuilder.result(variant)
        match result:
            case NotBuilt():
                return replace(row, reason=text(result.reason))
            case Broken():
                reason = text(result.reason)
                if result.missing_image is not None:
                    return replace(row, reason=reason.removeprefix(f"the base image {result.missing_image} "))
                return replace(row, outcome="does not build", reason=reason)
            case Rebuilt():
                return replace(
                    _measured_row(row.name, result.measured),
                    lost=lost,
                    patch=text(variant.files.diff),
                    trial=trial_report(result.trial, agrees=result.agrees) if result.trial else None,
                )


def _measured_row(name: str, measured: Measured) -> LadderRow:
    return LadderRow(
        name=name,
        outcome="built",
        unpacked_bytes=measured.unpacked_bytes,
        download_bytes=measured.download_bytes,
        download_estimated=measured.download_estimated,
        starts=measured.starts.value,
        shell=measured.shell,
        debug_tools=measured.debug_tools,
        reason=None if measured.start_error is None else text(measured.start_error),
    )


def _by_size(row: LadderRow) -> tuple[int, str]:
    return -(row.unpacked_bytes or 0), row.name
