"""Reads images of the engine through a helper container, and indexes them from the helper's messages."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence

from weighbridge.errors import EngineError, ImageError, WeighbridgeError
from weighbridge.sources.engine_contents import engine_contents
from weighbridge.sources.engine_images import EngineImages
from weighbridge.sources.engine_records import ImageToRead
from weighbridge.sources.measurement_cache import Measurement
from weighbridge.sources.progress import layer_title
from weighbridge.sources.read_image import ReadImage, restored_image
from weighbridge.sources.source import SourceSetup
from weighbridge.sources.storage_helper_stream import (
    Estimated,
    ImageFailed,
    ImageRead,
    LayerProgress,
    LayerRead,
    Message,
    Request,
    WantedImage,
    layer_of,
)


class ImagesThroughHelper:
    """Reads images through the helper container of `SourceSetup.helper`. Says in one line if that fails."""

    def __init__(self, setup: SourceSetup) -> None:
        self._make = setup.helper
        self._cache = setup.cache
        self._known_layers = setup.known_layers
        self._progress = setup.progress
        self._say = setup.say

    def read(
        self, wanted: Sequence[ImageToRead], engine: EngineImages, *, estimate_sizes: bool
    ) -> dict[str, ReadImage | WeighbridgeError]:
        """The images of `wanted` that the helper could read, by image ID."""
        helper = self._make(engine.client) if wanted and self._make is not None else None
        if helper is None:
            return {}
        titles = {one.image.image_id: one.title for one in wanted}
        read: dict[str, ImageRead] = {}
        try:
            with contextlib.closing(helper.messages(self._request(wanted, estimate_sizes))) as messages:
                for message in messages:
                    self._take_in(message, read, titles)
        except (EngineError, ImageError) as error:
            self._say(f"the storage helper: {error}; so docker save does it")
        images = {one.image.image_id: self._image(read.get(one.image.image_id), one, engine) for one in wanted}
        return {image_id: image for image_id, image in images.items() if image is not None}

    def _request(self, wanted: Sequence[ImageToRead], estimate_sizes: bool) -> Request:
        known = [
            diff_id
            for diff_id in dict.fromkeys(diff_id for one in wanted for diff_id in one.image.diff_ids)
            if self._known_layers.find(diff_id) is not None
            and (not estimate_sizes or self._known_layers.compressed_estimate(diff_id) is not None)
        ]
        return Request(
            images=[WantedImage(image_id=one.image.image_id, platform=str(one.platform)) for one in wanted],
            known=known,
            estimate_sizes=estimate_sizes,
        )

    def _take_in(self, message: Message, read: dict[str, ImageRead], titles: Mapping[str, str]) -> None:
        match message:
            case LayerRead():
                self._known_layers.keep(layer_of(message))
            case Estimated():
                self._cache.put_compressed_estimate(message.diff_id, message.compressor, max(0, message.size_bytes))
            case ImageRead():
                read[message.image_id] = message
            case ImageFailed():
                title = titles.get(message.image_id, message.image_id)
                self._say(f"{title}: the storage helper cannot read it: {message.why}; so docker save does it")
            case LayerProgress():
                title = titles.get(message.image_id, message.image_id)
                self._progress.tell(layer_title(title, message.layer, message.layers), message.done_bytes)

    def _image(self, read: ImageRead | None, wanted: ImageToRead, engine: EngineImages) -> ReadImage | None:
        """The image from the helper's data, if it is complete and matches the engine's data."""
        if read is None:
            return None
        measurement = Measurement(config=read.config, layers=tuple(read.layers))
        image = restored_image(measurement, self._known_layers, engine_contents(engine, wanted))
        if image is None or (wanted.image.diff_ids and image.stored.diff_ids != wanted.image.diff_ids):
            return None
        return image
