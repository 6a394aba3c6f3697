"""Third step: from what was built or exists already to weighed images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from weighbridge.domain.history import LayerOrigin, history_text, layer_origins
from weighbridge.domain.image import Image
from weighbridge.domain.weighed import WeighedImage, weigh_image
from weighbridge.errors import WeighbridgeError
from weighbridge.layers.reference import ImageReference
from weighbridge.plan.image_plan import ImagePlan
from weighbridge.report.model import Failure
from weighbridge.steps.building import Built, Side, failure_of
from weighbridge.steps.request import Tools


def weigh_built(
    tools: Tools,
    built: Built | Failure | None,
    images: Mapping[ImageReference, Image | WeighbridgeError],
    plan: ImagePlan,
    side: Side,
) -> WeighedImage | Failure | None:
    """A side that was built, weighed; what kept it from being built or read stays what it is."""
    if not isinstance(built, Built):
        return built
    tools.progress.step(f"weighing {plan.name} {side}")
    try:
        return weighed(tools, built, images[built.reference])
    except WeighbridgeError as error:
        return failure_of(side, error)


def weighed(tools: Tools, built: Built, image: Image | WeighbridgeError) -> WeighedImage:
    """What was built and read, weighed. Raises why it could not be."""
    if isinstance(image, WeighbridgeError):
        raise image
    dockerfile = built.source.dockerfile
    stage = dockerfile.final_stage(built.source.target)
    chain = dockerfile.chain(stage)
    return weigh_image(
        image,
        layer_origins(image.history, dockerfile, stage) if image.history else _origins_from_history(image),
        tools.reader.contents(built.reference),
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
