"""Fifth step: the tips of each head, and what of them can be built to be measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from weighbridge.build.builder import Builder
from weighbridge.config import Config
from weighbridge.domain.gate.ignores import Ignore
from weighbridge.domain.image.weighed import WeighedImage
from weighbridge.domain.tips import (
    Candidate,
    Change,
    DockerfileSource,
    Tip,
    find_tips,
    ladder_candidates,
    minimum_saving,
)
from weighbridge.domain.tips.measured import Measured, measure
from weighbridge.domain.tips.patch import Patched, Sources, patched
from weighbridge.domain.tips.sharing import NamedImage, find_shared
from weighbridge.domain.tips.tip import SharedTip
from weighbridge.errors import ScratchError
from weighbridge.report.assemble import tip_report
from weighbridge.report.model import ImageReport, Status
from weighbridge.run.build import Built
from weighbridge.run.patched_context import read_sources

NOT_ASKED = "nobody asked for it (`tips.verify`)"
NOT_CHANGED = "the image did not change"


@dataclass(frozen=True, kw_only=True, slots=True)
class Proposal:
    """What is proposed for the image `name`, without the image itself: `built` says how it was made.

    `before` are its figures as it is. `sources` are the files that patches edit, or why they cannot be edited.
    """

    name: str
    built: Built
    sources: Sources | ScratchError
    tips: tuple[Tip, ...]
    candidates: tuple[Candidate, ...]
    before: Measured
    ignores: tuple[Ignore, ...]

    def patched(self, changes: Sequence[Change]) -> Patched | None:
        """The files with `changes` done; ``None`` where that is not possible or changes nothing."""
        return None if isinstance(self.sources, ScratchError) else patched(self.sources, changes)


@dataclass(frozen=True, kw_only=True, slots=True)
class Proposer:
    """Finds the tips of heads built of `tree`."""

    builder: Builder
    tree: Path
    config: Config

    def propose(self, name: str, head: WeighedImage, built: Built, ignores: Sequence[Ignore]) -> Proposal:
        """The tips for `head`, which is `built` weighed. Nothing of `head` itself is kept."""
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
            candidates=ladder_candidates(head, built.source) if self._asks_for_ladder else (),
            before=measure(head),
            ignores=tuple(ignores),
        )

    @property
    def _asks_for_ladder(self) -> bool:
        return self.config.tips.verify and self.config.tips.ladder

    def _sources(self, built: Built) -> Sources | ScratchError:
        try:
            return read_sources(
                self.tree,
                dockerfile=built.request.dockerfile,
                context=built.request.context,
                has_buildkit=self.builder.client.has_buildkit,
            )
        except ScratchError as error:
            return error


def shared_tips(heads: Mapping[str, tuple[WeighedImage, DockerfileSource]], config: Config) -> tuple[SharedTip, ...]:
    """What the heads of a run could have in common, by image name; the floor is that of the smallest of them."""
    if len(heads) < 2:
        return ()
    images = []
    for name, (weighed, source) in heads.items():
        lowest = source.dockerfile.chain(source.dockerfile.final_stage(source.target))[0]
        images.append(NamedImage(name=name, base=lowest.base or None, weighed=weighed))
    smallest_bytes = min(image.weighed.image.unpacked_bytes for image in images)
    floor = minimum_saving(smallest_bytes, config.tips.minimum_saving_bytes)
    return find_shared(images, minimum_saving_bytes=floor)


def with_tips(report: ImageReport, proposal: Proposal, *, not_built: str) -> ImageReport:
    """`report` with tips that nobody has built: each patch says why it was not."""
    tips = []
    for tip in proposal.tips:
        files = proposal.patched([tip.change]) if tip.change else None
        tips.append(
            tip_report(
                tip,
                before_bytes=proposal.before.unpacked_bytes,
                patch=files.diff if files else None,
                not_built=not_built if files else None,
            )
        )
    return replace(report, tips=tuple(tips))


def is_worth_building(report: ImageReport, proposal: Proposal) -> bool:
    """True for an image that changed and has something to build."""
    if report.status not in {Status.CHANGED, Status.ADDED}:
        return False
    return bool(proposal.candidates) or any(tip.change for tip in proposal.tips)
