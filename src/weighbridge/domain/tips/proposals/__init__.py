"""Proposals that only a build can weigh: each with the change to the Dockerfile that does it. One module a family.

All of it is pure. What is proposed here is what the closure of the program says, as far as the layers tell; whether it
builds and starts, and what it saves, shows when the change is built.
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
"""The codes that `Proposals` adds to the computed ones."""


class Proposals:
    """Proposals for one image and the Dockerfile that made it."""

    def __init__(self, image: WeighedImage, source: DockerfileSource) -> None:
        self._image = image
        self._source = source
        self._written = Written(source)
        self._subject = subject_of(image, self._written)

    def tips(self) -> tuple[Tip, ...]:
        """Other stages, bases and builds for what the image starts."""
        if self._subject is not None:
            return tuple(compiled_tips(self._image, self._written, self._subject))
        tips = list(base_variant(self._written))
        finding = next(single_stage_build(self._written.context), None)
        if finding is not None:
            tips.append(in_words(finding, staged(self._image, self._written)))
        return tuple(tips)

    def with_changes(self, computed: Iterable[Tip]) -> tuple[Tip, ...]:
        """The computed tips with the changes that lint knows, and the tips that only lint sees."""
        return with_lint_edits(computed, self._source)
