"""Reads images of the engine with one ``docker save``, which sends a shared layer once."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace

from weighbridge.errors import ImageError, WeighbridgeError
from weighbridge.sources.blob_stores import image_errors
from weighbridge.sources.engine_contents import engine_contents
from weighbridge.sources.engine_images import EngineImages
from weighbridge.sources.engine_records import ImageToRead
from weighbridge.sources.layout import StoredImage, oci_manifest, saved_image
from weighbridge.sources.manifest import Index, SavedImage, decode
from weighbridge.sources.read_image import ReadImage
from weighbridge.sources.save_stream import SavedStream
from weighbridge.sources.source import SourceSetup


class ImagesThroughSave:
    """Makes the engine export images, and reads the stream as it arrives."""

    def __init__(self, setup: SourceSetup) -> None:
        self._known_layers = setup.known_layers
        self._progress = setup.progress

    def read(
        self, wanted: Sequence[ImageToRead], engine: EngineImages, *, estimate_sizes: bool
    ) -> dict[str, ReadImage | WeighbridgeError]:
        """Each of `wanted` by image ID, or the reason why it cannot be read."""
        if not wanted:
            return {}
        stream = SavedStream("docker save")
        what = f"{', '.join(one.title for one in wanted)} (docker save)"
        try:
            with contextlib.closing(engine.save([one.image.image_id for one in wanted])) as chunks:
                followed = self._progress.following(chunks, what)
                with image_errors(stream.what):
                    stream.read(followed, self._known_layers, estimate_sizes=estimate_sizes)
        except WeighbridgeError as error:
            if len(wanted) == 1:
                return {wanted[0].image.image_id: error}
            # One image that cannot be exported fails the whole save: then each image is saved separately.
            single = [self.read([one], engine, estimate_sizes=estimate_sizes) for one in wanted]
            return {image_id: outcome for outcomes in single for image_id, outcome in outcomes.items()}
        outcomes: dict[str, ReadImage | WeighbridgeError] = {}
        for one in wanted:
            try:
                stored = _image_in(stream, one)
                layers = tuple(layer.as_in_engine() for layer in stream.layers(stored))
                stored = replace(stored, layers=layers)
                outcomes[one.image.image_id] = ReadImage(stored=stored, files=engine_contents(engine, one))
            except WeighbridgeError as error:
                outcomes[one.image.image_id] = error
        return outcomes


def _image_in(stream: SavedStream, wanted: ImageToRead) -> StoredImage:
    """The image `wanted.image` within a save of several images."""
    image_id = wanted.image.image_id
    content = stream.document("index.json")
    if content is not None:
        index = decode(content, Index, f"{stream.what}: index.json")
        for descriptor in index.manifests:
            if descriptor.digest == image_id:
                return oci_manifest(stream, descriptor, wanted.platform)
    content = stream.document("manifest.json")
    if content is None:
        raise ImageError(f"{stream.what}: no manifest.json in what the engine sent")
    for item in decode(content, list[SavedImage], f"{stream.what}: manifest.json"):
        if image_id.removeprefix("sha256:") in item.config:
            return saved_image(stream, item)
    raise ImageError(f"{stream.what}: the image {image_id} is not in what the engine sent")
