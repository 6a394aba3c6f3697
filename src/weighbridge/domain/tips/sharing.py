"""Finds content that several images of one repository store separately and could share.

A node stores a shared layer once. Two images that run the same instructions on different lower layers, or in another
order, have two layers with the same content.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from weighbridge.domain.image.files import equal_contents
from weighbridge.domain.image.weighed import WeighedImage
from weighbridge.domain.tips.caches import package_cache, sparse_logs
from weighbridge.domain.tips.context import FinalFile, content_digest, context_of, counted, shown
from weighbridge.domain.tips.ignored import ignored_files
from weighbridge.domain.tips.tip import Basis, SharedTip
from weighbridge.domain.units import format_bytes

CODE = "share-base"
MAX_SHARED_TIPS = 10
_LEAST_FILE_BYTES = 4_096
_BETTER_GONE = (ignored_files, package_cache, sparse_logs)
"""Families with unnecessary files. Images should not share such files."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NamedImage:
    """An image of the repository: its name, and the lowest ``FROM`` of its stages, if known."""

    name: str
    base: str | None
    weighed: WeighedImage

    @property
    def base_layers(self) -> dict[str, int]:
        """The bytes of the base image's layers by diff ID."""
        return {one.diff_id: one.unpacked_bytes for one in self.weighed.layers if one.from_base_image}


def find_shared(images: Sequence[NamedImage], *, minimum_saving_bytes: int) -> tuple[SharedTip, ...]:
    """``share-base``: largest saving first, at most `MAX_SHARED_TIPS`. Compares only images of one platform."""
    platforms: dict[str, list[NamedImage]] = {}
    for image in images:
        platforms.setdefault(image.weighed.image.config.platform, []).append(image)
    found = [
        tip
        for group in platforms.values()
        if len(group) > 1
        for tip in (*_equal_files(group), *_base_variants(group))
        if tip.saved_bytes >= minimum_saving_bytes
    ]
    found.sort(key=lambda tip: (-tip.saved_bytes, tip.images))
    return tuple(found[:MAX_SHARED_TIPS])


# --- own layers ---------------------------------------------------------------------------------------------------


@dataclass(slots=True, kw_only=True)
class _Common:
    """The common content of a set of images: redundant bytes, files, and bytes by image and layer."""

    saved_bytes: int = 0
    files: int = 0
    layers: dict[tuple[int, int], int] = field(default_factory=dict)


def _equal_files(images: Sequence[NamedImage]) -> Iterator[SharedTip]:
    """Files of own layers with equal paths and contents, in layers that the images do not share; exact."""
    commons: dict[tuple[int, ...], _Common] = {}
    for equal in _groups(images):
        size = equal[0][1].size_bytes
        stored = {file.node.diff_id for _, file in equal}
        holders = tuple(sorted({index for index, _ in equal}))
        if len(stored) < 2 or len(holders) < 2:
            continue
        common = commons.setdefault(holders, _Common())
        common.saved_bytes += (len(stored) - 1) * size
        common.files += 1
        for index, file in equal:
            common.layers[index, file.layer] = common.layers.get((index, file.layer), 0) + size
    for holders, common in commons.items():
        members = [images[index] for index in holders]
        yield SharedTip(
            code=CODE,
            saved_bytes=common.saved_bytes,
            basis=Basis.COMPUTED,
            images=tuple(image.name for image in members),
            explanation=(
                f"{shown([image.name for image in members], 5)} store {counted(common.files, 'file')} with equal paths"
                f" and contents in separate layers: {_made_by(images, common)}. Build them once:"
                f" use {_common_base(members)} in every FROM, or put the same instructions first in each"
                " Dockerfile."
            ),
        )


def _groups(images: Sequence[NamedImage]) -> Iterator[list[tuple[int, FinalFile]]]:
    """Groups of files with equal path and content, each with the index of its image."""
    return equal_contents(
        ((index, file) for index, image in enumerate(images) for file in _worth_sharing(image.weighed)),
        key=lambda one: (one[1].path, one[1].size_bytes),
        digest=lambda one: content_digest(images[one[0]].weighed.rootfs, one[1]),
        is_worth=lambda candidates: len({file.node.diff_id for _, file in candidates}) > 1,
    )


def _worth_sharing(image: WeighedImage) -> Iterable[FinalFile]:
    context = context_of(image, None)
    for family in _BETTER_GONE:
        context = context.without([file for found in family(context) for file in found.files])
    return context.large_own(_LEAST_FILE_BYTES)


def _made_by(images: Sequence[NamedImage], common: _Common) -> str:
    """The instructions that made most of the content, each with its lines."""
    places: dict[str, list[str]] = {}
    sizes: dict[str, int] = {}
    for (index, number), size in common.layers.items():
        layer = images[index].weighed.layers[number]
        text = layer.instruction or "an instruction that is not recorded"
        line = f" line {layer.line}" if layer.line is not None else ""
        places.setdefault(text, []).append(f"{images[index].name}{line}")
        sizes[text] = sizes.get(text, 0) + size
    texts = sorted(sizes, key=lambda text: (-sizes[text], text))
    return shown([f"{_shortened(text)} ({shown(places[text])})" for text in texts])


def _shortened(text: str, maximum: int = 80) -> str:
    return text if len(text) <= maximum else f"{text[: maximum - 1]}…"


def _common_base(images: Sequence[NamedImage]) -> str:
    bases = {image.base for image in images}
    base = bases.pop() if len(bases) == 1 else None
    return f"a base image on {base}" if base else "a base image"


# --- base images --------------------------------------------------------------------------------------------------


def _base_variants(images: Sequence[NamedImage]) -> Iterator[SharedTip]:
    """Variants of one base image (other tags, or a tag that moved). An upper bound: one variant may not fit all."""
    kindred: dict[str, list[NamedImage]] = {}
    for image in images:
        if image.base and image.base_layers:
            kindred.setdefault(_repository(image.base), []).append(image)
    for repository, members in kindred.items():
        stacks: dict[tuple[str, ...], list[NamedImage]] = {}
        for image in members:
            stacks.setdefault(tuple(image.base_layers), []).append(image)
        if len(stacks) < 2:
            continue
        weights = {stack: sum(users[0].base_layers.values()) for stack, users in stacks.items()}
        chosen = min(stacks, key=lambda stack: (-len(stacks[stack]), weights[stack], stack))
        layers = {diff_id: size for image in members for diff_id, size in image.base_layers.items()}
        saved_bytes = sum(layers.values()) - weights[chosen]
        names = [f"{shown([image.name for image in users])} on {users[0].base}" for users in stacks.values()]
        yield SharedTip(
            code=CODE,
            saved_bytes=saved_bytes,
            basis=Basis.UPPER_BOUND,
            images=tuple(image.name for image in members),
            explanation=(
                f"{'; '.join(names)}: {counted(len(stacks), 'variant')} of {repository}. A node that runs all of"
                f" them stores each. Use {stacks[chosen][0].base} ({format_bytes(weights[chosen])}) for all, pinned to"
                " one digest, to share its layers."
            ),
        )


def _repository(base: str) -> str:
    """The name of an image without digest and tag."""
    name = base.partition("@")[0]
    head, slash, last = name.rpartition("/")
    return f"{head}{slash}{last.partition(':')[0]}"
