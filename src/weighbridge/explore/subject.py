"""The subject of the browser: one weighed image, or two images with their differences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from weighbridge.domain.image.weighed import Comparison, WeighedImage, compare
from weighbridge.domain.tips.find import find_tips
from weighbridge.domain.tips.tip import DockerfileSource, Tip


@dataclass(frozen=True, kw_only=True, slots=True)
class DockerfileText:
    """The Dockerfile of the image: its display name, and its text."""

    name: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class BrowsedImage:
    """`head` is the image to show. `base` is the image to compare with; ``None`` shows `head` alone."""

    title: str
    head: WeighedImage
    base: WeighedImage | None
    comparison: Comparison
    tips: Sequence[Tip]
    dockerfile: DockerfileText | None

    @property
    def is_comparison(self) -> bool:
        """True if two images are shown."""
        return self.base is not None


def make_subject(
    title: str,
    head: WeighedImage,
    *,
    base: WeighedImage | None = None,
    source: DockerfileSource | None = None,
    dockerfile_name: str = "Dockerfile",
) -> BrowsedImage:
    """Compare the sides and find the tips of `head`. `source` is the Dockerfile of `head`, if known."""
    return BrowsedImage(
        title=title,
        head=head,
        base=base,
        comparison=compare(base, head),
        tips=find_tips(head, source),
        dockerfile=DockerfileText(name=dockerfile_name, text=source.text) if source else None,
    )
