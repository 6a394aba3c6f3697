"""Builds and measures patches, alone and together, and the ladder: the image on other bases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain, zip_longest

from weighbridge.config import Tips
from weighbridge.domain.result.tips import (
    ImageTips,
    ProposedTip,
    RejectedTip,
    Rung,
    RungOutcome,
    TipCombination,
    TrialResult,
)
from weighbridge.domain.start.predict import Starts
from weighbridge.domain.tips.find import minimum_saving
from weighbridge.domain.tips.measured import Objection, cures_start, objection
from weighbridge.domain.tips.patch import Patched, best_together
from weighbridge.domain.tips.tip import Basis, Candidate, Tip, TipChange
from weighbridge.run.propose_tips import NOT_CHANGED, Proposal, unbuilt_tips
from weighbridge.run.rebuild import Broken, NotBuilt, Rebuilder, Rebuilt, Result, Variant

_MAXIMUM_COMBINATIONS = 3
"""Maximum number of patch sets to build per image. Each set omits the smallest tip of the previous set."""


def prove_tips(
    proposals: Sequence[Proposal], rebuilder: Rebuilder, *, not_built: str | None = None
) -> dict[str, ImageTips]:
    """The tips of all images by name. Builds and measures them within the limits, unless `not_built` has a reason."""
    found = {}
    building: list[_ImageProof] = []
    for proposal in proposals:
        if not_built is None and proposal.is_worth_building:
            building.append(_ImageProof(proposal, rebuilder.settings))
        else:
            found[proposal.name] = unbuilt_tips(proposal, not_built=not_built or NOT_CHANGED)
    # First the best tip of each image, then the second of each: an exceeded limit affects all images equally.
    rebuilder.build(_interleaved([image.variants() for image in building]))
    for image in building:
        image.judge(rebuilder)
    for _ in range(_MAXIMUM_COMBINATIONS):
        variants = [variant for image in building if (variant := image.combination()) is not None]
        if not variants:
            break
        rebuilder.build(variants)
        for image in building:
            image.judge_combination(rebuilder)
    rebuilder.build(_interleaved([image.rungs() for image in building]))
    for image in building:
        image.take_ladder(rebuilder)
    return {**found, **{image.name: image.result() for image in building}}


def _interleaved(queues: Sequence[Sequence[Variant]]) -> list[Variant]:
    return [variant for variant in chain.from_iterable(zip_longest(*queues)) if variant is not None]


@dataclass(frozen=True, kw_only=True, slots=True)
class _ProvenTip:
    """A tip whose measurement confirms it, with its patch."""

    tip: Tip
    files: Patched


class _ImageProof:
    """The build rounds of one image, and their results."""

    def __init__(self, proposal: Proposal, settings: Tips) -> None:
        self.name = proposal.name
        self._proposal = proposal
        self._before = proposal.before
        self._floor_bytes = minimum_saving(proposal.before.unpacked_bytes, settings.minimum_saving_bytes)
        self._proposed: list[ProposedTip] = []
        self._rejected: list[RejectedTip] = []
        self._held: list[_ProvenTip] = []
        self._together: tuple[Tip, ...] = ()
        self._combination: TipCombination | None = None
        self._not_combined: str | None = None
        self._ladder: tuple[Rung, ...] = ()

    def variants(self) -> list[Variant]:
        """The first builds: each tip alone."""
        wanted = [self._variant(tip.code, [tip.change]) for tip in self._proposal.tips if tip.change]
        return [variant for variant in wanted if variant is not None]

    def rungs(self) -> list[Variant]:
        """The last builds: the image on other bases."""
        wanted = [self._variant(one.name, [one.change]) for one in self._proposal.candidates]
        return [variant for variant in wanted if variant is not None]

    def judge(self, rebuilder: Rebuilder) -> None:
        """Sort the tips into confirmed, unbuilt and rejected ones."""
        for tip in self._proposal.tips:
            variant = self._variant(tip.code, [tip.change]) if tip.change else None
            if variant is None:
                self._proposed.append(ProposedTip(tip=tip))
            else:
                self._judge_tip(tip, variant, rebuilder.result(variant))
        self._together = best_together([one.tip for one in self._held])

    def take_ladder(self, rebuilder: Rebuilder) -> None:
        """Set the ladder: first the current image, then the built rungs from large to small, then the others."""
        if self._proposal.candidates:
            rungs = [self._rung(candidate, rebuilder) for candidate in self._proposal.candidates]
            built = sorted((rung for rung in rungs if rung.measured is not None), key=_by_size)
            as_it_is = Rung(
                name="as it is",
                outcome=RungOutcome.AS_IT_IS,
                measured=self._before,
                trial=self._proposal.trial,
                reason=self._before.start_error,
            )
            self._ladder = (as_it_is, *built, *(rung for rung in rungs if rung.measured is None))

    def combination(self) -> Variant | None:
        """The next set of patches to build together; ``None`` if no set is left."""
        if self._combination is not None or len(self._together) < 2:
            return None
        changes = [tip.change for tip in self._together if tip.change]
        return self._variant(" + ".join(tip.code for tip in self._together), changes)

    def judge_combination(self, rebuilder: Rebuilder) -> None:
        """Accept the built set if its result is valid. Otherwise omit the tip that saves least."""
        variant = self.combination()
        if variant is None:
            self._together = ()
            return
        result = rebuilder.result(variant)
        best_alone = max(one.tip.saved_bytes or 0 for one in self._held)
        if isinstance(result, NotBuilt):
            self._not_combined = result.reason
        elif isinstance(result, Rebuilt) and self._objection(result) is None:
            after_bytes = result.measured.unpacked_bytes
            before_bytes = (result.before or self._before).unpacked_bytes
            if before_bytes - after_bytes > best_alone:
                self._combination = TipCombination(
                    tips=self._together,
                    before_bytes=before_bytes,
                    after_bytes=after_bytes,
                    patch=variant.files.diff,
                    earlier=result.earlier,
                )
        self._together = () if isinstance(result, NotBuilt) else self._together[:-1]

    def result(self) -> ImageTips:
        """The results of all rounds."""
        return ImageTips(
            before_bytes=self._before.unpacked_bytes,
            proposed=tuple(sorted(self._proposed, key=_by_saving)),
            rejected=tuple(self._rejected),
            combination=self._combination,
            not_combined=self._not_combined,
            ladder=self._ladder,
        )

    def _variant(self, what: str, changes: Sequence[TipChange]) -> Variant | None:
        files = self._proposal.patched(changes)
        title = f"{self._proposal.name}: {what}"
        return None if files is None else Variant(proposal=self._proposal, title=title, files=files)

    def _judge_tip(self, tip: Tip, variant: Variant, result: Result) -> None:
        match result:
            case NotBuilt():
                self._proposed.append(ProposedTip(tip=tip, patch=variant.files.diff, not_built=result.reason))
            case Broken():
                reason = f"the image does not build: {result.reason}"
                self._rejected.append(RejectedTip(tip=tip, objection=Objection(ground="does not build", reason=reason)))
            case Rebuilt():
                before_bytes = (result.before or self._before).unpacked_bytes
                saved_bytes = before_bytes - result.measured.unpacked_bytes
                objected = self._objection(result)
                if objected is not None:
                    self._rejected.append(RejectedTip(tip=tip, objection=objected, saved_bytes=saved_bytes))
                    return
                measured = replace(tip, saved_bytes=saved_bytes, basis=Basis.REBUILT)
                self._held.append(_ProvenTip(tip=measured, files=variant.files))
                self._proposed.append(
                    ProposedTip(
                        tip=measured,
                        patch=variant.files.diff,
                        earlier=result.earlier,
                        before_bytes=before_bytes,
                        cures_start=cures_start(result.before or self._before, result.measured),
                    )
                )

    def _objection(self, result: Rebuilt) -> Objection | None:
        if result.trial is not None and result.agrees is False and result.measured.starts is Starts.YES:
            reason = f"the image was really started: {result.trial.message}"
            return Objection(ground="does not start", reason=reason)
        before = result.before or self._before
        return objection(before, result.measured, floor_bytes=self._floor_bytes, ignores=self._proposal.ignores)

    def _rung(self, candidate: Candidate, rebuilder: Rebuilder) -> Rung:
        rung = Rung(name=candidate.name, outcome=RungOutcome.NOT_TRIED, lost=candidate.lost)
        variant = self._variant(candidate.name, [candidate.change])
        if variant is None:
            return replace(rung, reason="the Dockerfile cannot be edited")
        result = rebuilder.result(variant)
        match result:
            case NotBuilt():
                return replace(rung, reason=result.reason)
            case Broken():
                if result.missing_image is not None:
                    return replace(rung, reason=result.reason.removeprefix(f"the base image {result.missing_image} "))
                return replace(rung, outcome=RungOutcome.DOES_NOT_BUILD, reason=result.reason)
            case Rebuilt():
                return replace(
                    rung,
                    outcome=RungOutcome.BUILT,
                    measured=result.measured,
                    reason=result.measured.start_error,
                    patch=variant.files.diff,
                    earlier=result.earlier,
                    trial=TrialResult(trial=result.trial, agrees=result.agrees) if result.trial else None,
                )


def _by_saving(one: ProposedTip) -> tuple[int, str, int]:
    return -(one.tip.saved_bytes or 0), one.tip.code, one.tip.line or 0


def _by_size(rung: Rung) -> tuple[int, str]:
    return -(rung.measured.unpacked_bytes if rung.measured else 0), rung.name
