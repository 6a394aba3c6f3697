"""Third step: from what was built or exists already to weighed images."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from weighbridge.domain.image.image import Image
from weighbridge.domain.image.origins import LayerOrigin, history_text, layer_origins
from weighbridge.domain.image.rebuilt_layers import FormerContents, with_rebuilt_layers
from weighbridge.domain.image.rootfs import ContentReader
from weighbridge.domain.image.weighed import WeighedImage, weigh_image
from weighbridge.domain.side import Side
from weighbridge.errors import WeighbridgeError
from weighbridge.plan.image_plan import ImagePlan
from weighbridge.report.model import Failure
from weighbridge.run.build import Built, Remembered, failure_of
from weighbridge.run.request import Tools
from weighbridge.sources.reference import ImageReference


def weigh_built(
    tools: Tools,
    built: Built | Remembered | Failure | None,
    images: Mapping[ImageReference, Image | WeighbridgeError],
    plan: ImagePlan,
    side: Side,
    *,
    rebuilt_by: ImageReference | None = None,
    known: Callable[[ImageReference, Image], WeighedImage | None] | None = None,
) -> WeighedImage | Failure | None:
    """A side that was built or is remembered, weighed; what kept it from being built or read stays what it is.

    A side that is remembered may have layers that the image `rebuilt_by` has rebuilt: see `with_rebuilt_layers`. What
    was weighed before is taken from `known`, where that has it as it is now.
    """
    if built is None or isinstance(built, Failure):
        return built
    tools.progress.step(f"weighing {plan.name} {side}")
    image = images[built.reference]
    later = images.get(rebuilt_by) if rebuilt_by is not None else None
    try:
        contents: ContentReader | None = None
        if isinstance(built, Remembered) and isinstance(image, Image) and isinstance(later, Image):
            image, former = with_rebuilt_layers(image, later)
            contents = FormerContents(tools.reader.contents(built.reference), former)
        before = known(built.reference, image) if known is not None and isinstance(image, Image) else None
        return before or weighed(tools, built, image, contents)
    except WeighbridgeError as error:
        return failure_of(side, error)


def weighed(
    tools: Tools,
    built: Built | Remembered,
    image: Image | WeighbridgeError,
    contents: ContentReader | None = None,
) -> WeighedImage:
    """What was built and read, weighed, with its own files unless `contents` has them. Raises why it could not be."""
    if isinstance(image, WeighbridgeError):
        raise image
    source = built.source if isinstance(built, Built) else built
    stage = source.dockerfile.final_stage(source.target)
    chain = source.dockerfile.chain(stage)
    return weigh_image(
        image,
        layer_origins(image.history, source.dockerfile, stage) if image.history else _origins_from_history(image),
        tools.reader.contents(built.reference) if contents is None else contents,
        instruction_lines={one.name: one.line for each in chain for one in each.instructions},
    )


def weigh_existing(references: Sequence[ImageReference], tools: Tools) -> list[WeighedImage]:
    """Images that exist already, in the order of `references`. Raises what reading one of them raises."""
    images = tools.reader.read(references)
    for image in images.values():
        if isinstance(image, WeighbridgeError):
            raise image
    return [
        weigh_image(image, _origins_from_history(image), tools.reader.contents(reference))
        for reference in references
        if isinstance(image := images[reference], Image)
    ]


def _origins_from_history(image: Image) -> tuple[LayerOrigin, ...]:
    """What made each layer where there is no Dockerfile to ask: what the image's own history says."""
    return tuple(
        LayerOrigin(instruction=None, text=history_text(layer.created_by), line=None, from_base_image=False)
        for layer in image.layers
    )
