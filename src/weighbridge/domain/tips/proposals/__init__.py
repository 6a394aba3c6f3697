"""Proposals that only a build can weigh: each with the change to the Dockerfile that does it. One module a family.

All of it is pure. What is proposed here is what the closure of the program says, as far as the layers tell; whether it
builds and starts, and what it saves, shows when the change is built.
"""

from __future__ import annotations

from weighbridge.domain.lint.stages import single_stage_build
from weighbridge.domain.tips.model import DockerfileSource, Tip
from weighbridge.domain.tips.proposals.compiled import base_variant, compiled_tips, in_words
from weighbridge.domain.tips.proposals.from_lint import with_lint_edits
from weighbridge.domain.tips.proposals.interpreted import staged
from weighbridge.domain.tips.proposals.ladder import ladder_candidates
from weighbridge.domain.tips.proposals.onto import subject_of
from weighbridge.domain.tips.proposals.written import Written
from weighbridge.domain.weighed import WeighedImage

__all__ = ["CODES", "ladder_candidates", "propose", "with_lint_edits"]

CODES = ("use-multi-stage", "smaller-base", "build-static", "recommended-packages")
"""What `propose` and `with_lint_edits` add to the computed codes."""


def propose(image: WeighedImage, source: DockerfileSource) -> tuple[Tip, ...]:
    """Other stages, bases and builds for what `image` starts; those that lint sees are `with_lint_edits`."""
    written = Written(source)
    subject = subject_of(image, written)
    if subject is not None:
        return tuple(compiled_tips(image, written, subject))
    tips = list(base_variant(written))
    finding = next(single_stage_build(written.context), None)
    if finding is not None:
        tips.append(in_words(finding, staged(image, written)))
    return tuple(tips)
