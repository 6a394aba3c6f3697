"""Finds the tips of each head, and the patches that can be built to measure them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from weighbridge.config import Config, VerifyTips
from weighbridge.domain.gate.ignores import Ignore
from weighbridge.domain.image.weighed import WeighedImage
from weighbridge.domain.result.tips import ImageTips, ProposedTip, TrialResult
from weighbridge.domain.tips.find import find_tips, minimum_saving
from weighbridge.domain.tips.measured import Measured, measure
from weighbridge.domain.tips.patch import Patched, Sources, patched
from weighbridge.domain.tips.proposals import ladder_candidates
from weighbridge.domain.tips.sharing import NamedImage, find_shared
from weighbridge.domain.tips.tip import Candidate, DockerfileSource, SharedTip, Tip, TipChange
from weighbridge.errors import ScratchError
from weighbridge.run.build_outcome import BuiltSide
from weighbridge.run.clients import ImageBuilder
from weighbridge.run.patched_context import read_sources
from weighbridge.run.plan import Planned
from weighbridge.run.request import DiffRequest
from weighbridge.run.size_history import is_on_default_branch
from weighbridge.run.tip_cache import base_layers_of

NOT_REQUESTED = "not requested (`tips.verify`)"
NOT_ON_DEFAULT_BRANCH = "only runs on the default branch build them (`tips.verify`)"
NOT_CHANGED = "the image did not change"


def why_tips_are_not_built(planned: Planned, request: DiffRequest) -> str | None:
    """The reason that this run builds no patches; ``None`` if it builds them."""
    match request.config.tips.verify:
        case VerifyTips.AFTER_VERDICT:
            return None
        case VerifyTips.NEVER:
            return NOT_REQUESTED
        case VerifyTips.DEFAULT_BRANCH:
            return None if is_on_default_branch(planned, request) else NOT_ON_DEFAULT_BRANCH


@dataclass(frozen=True, kw_only=True, slots=True)
class Proposal:
    """The tips and other bases for the image `name`, without the image's files. `built` is head's build.

    `before` has the image's sizes without a patch. `trial` is its real start. `sources` are the files that patches
    edit, or the reason that they cannot be edited. `is_changed`: base and head differ. The tip cache uses `base_layers`
    and `head_key`.
    """

    name: str
    built: BuiltSide
    sources: Sources | ScratchError
    tips: tuple[Tip, ...]
    candidates: tuple[Candidate, ...]
    before: Measured
    ignores: tuple[Ignore, ...]
    is_changed: bool = True
    trial: TrialResult | None = None
    base_layers: str = ""
    head_key: str | None = None

    @property
    def is_worth_building(self) -> bool:
        """True for an image that changed and has something to build."""
        return self.is_changed and (bool(self.candidates) or any(tip.change for tip in self.tips))

    def patched(self, changes: Sequence[TipChange]) -> Patched | None:
        """The files after `changes`; ``None`` if a change is impossible or changes nothing."""
        return None if isinstance(self.sources, ScratchError) else patched(self.sources, changes)


@dataclass(frozen=True, kw_only=True, slots=True)
class Proposer:
    """Finds the tips of images that were built from `tree`."""

    builder: ImageBuilder
    tree: Path
    config: Config
    with_ladder: bool = True

    def propose(
        self,
        name: str,
        head: WeighedImage,
        built: BuiltSide,
        ignores: Sequence[Ignore],
        *,
        is_changed: bool = True,
        trial: TrialResult | None = None,
        head_key: str | None = None,
    ) -> Proposal:
        """The tips for `head`, the weighed image of `built`. The result does not hold `head`, because it is large."""
        return Proposal(
            name=name,
            built=built,
            sources=self._sources(built),
            tips=find_tips(
                head,
                built.source,
                minimum_saving_bytes=self.config.tips.minimum_saving_bytes,
                include=self.config.tips.include,
            ),
            candidates=ladder_candidates(head, built.source) if self.with_ladder else (),
            before=measure(head),
            ignores=tuple(ignores),
            is_changed=is_changed,
            trial=trial,
            base_layers=base_layers_of(head),
            head_key=head_key,
        )

    def _sources(self, built: BuiltSide) -> Sources | ScratchError:
        try:
            return read_sources(
                built.request.checkout or self.tree,
                dockerfile=built.request.dockerfile,
                context=built.request.context,
                has_buildkit=self.builder.client.has_buildkit,
            )
        except ScratchError as error:
            return error


def shared_tips(heads: Mapping[str, tuple[WeighedImage, DockerfileSource]], config: Config) -> tuple[SharedTip, ...]:
    """The layers that the heads of a run could share. Uses the minimum saving of the smallest image."""
    if len(heads) < 2:
        return ()
    images = []
    for name, (weighed, source) in heads.items():
        lowest = source.dockerfile.chain(source.dockerfile.final_stage(source.target))[0]
        images.append(NamedImage(name=name, base=lowest.base or None, weighed=weighed))
    smallest_bytes = min(image.weighed.image.unpacked_bytes for image in images)
    floor = minimum_saving(smallest_bytes, config.tips.minimum_saving_bytes)
    return find_shared(images, minimum_saving_bytes=floor)


def unbuilt_tips(proposal: Proposal, *, not_built: str) -> ImageTips:
    """The tips of an image without builds. `not_built` is the reason for each patch."""
    proposed = []
    for tip in proposal.tips:
        files = proposal.patched([tip.change]) if tip.change else None
        proposed.append(ProposedTip(tip=tip, patch=files.diff, not_built=not_built) if files else ProposedTip(tip=tip))
    return ImageTips(before_bytes=proposal.before.unpacked_bytes, proposed=tuple(proposed))
