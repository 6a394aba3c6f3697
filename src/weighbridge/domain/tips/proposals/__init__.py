"""Tips that only a build can measure, each with its change to the Dockerfile. One module per family.

Pure code: it computes the files that a program needs from the layers. A build then shows whether the change builds and
starts, and its saving.
"""

from __future__ import annotations

from collections.abc import Iterable

from weighbridge.domain.image.weighed import WeighedImage
from weighbridge.domain.lint.stages import single_stage_build
from weighbridge.domain.tips.proposals.compiled import base_variant, compiled_tips, in_words
from weighbridge.domain.tips.proposals.from_lint import with_lint_edits
from weighbridge.domain.tips.proposals.interpreted import staged
from weighbridge.domain.tips.proposals.ladder import ladder_candidates
from weighbridge.domain.tips.proposals.onto import subject_of
from weighbridge.domain.tips.proposals.written import Written
from weighbridge.domain.tips.tip import DockerfileSource, Tip

__all__ = ["CODES", "Proposals", "ladder_candidates"]

CODES = ("use-multi-stage", "smaller-base", "build-static", "recommended-packages")
"""The codes that `Proposals` adds to the computed codes."""


class Proposals:
    """The proposals for one image and its Dockerfile."""

    def __init__(self, image: WeighedImage, source: DockerfileSource) -> None:
        self._image = image
        self._source = source
        self._written = Written(source)
        self._subject = subject_of(image, self._written)

    def tips(self) -> tuple[Tip, ...]:
        """Other stages, bases and builds for the image's program."""
        if self._subject is not None:
            return tuple(compiled_tips(self._image, self._written, self._subject))
        tips = list(base_variant(self._written))
        finding = next(single_stage_build(self._written.context), None)
        if finding is not None:
            tips.append(in_words(finding, staged(self._image, self._written)))
        return tuple(tips)

    def with_changes(self, computed: Iterable[Tip]) -> tuple[Tip, ...]:
        """The computed tips with lint's changes, and the tips that only lint finds."""
        return with_lint_edits(computed, self._source)
