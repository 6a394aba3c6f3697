"""Reads images of the engine directly in its storage: overlay2's folders, containerd's blobs."""

from __future__ import annotations

import functools
import logging
from collections.abc import Sequence

from weighbridge.errors import EngineError, ImageError, WeighbridgeError
from weighbridge.sources.blob_reader import StoreReader
from weighbridge.sources.changeset import index_in_place
from weighbridge.sources.engine_images import EngineImages
from weighbridge.sources.engine_records import ImageToRead
from weighbridge.sources.engine_storage import (
    Beneath,
    OverlayContents,
    OverlayStorage,
    containerd_folders,
    containerd_image,
)
from weighbridge.sources.layout import StoredImage
from weighbridge.sources.progress import layer_title
from weighbridge.sources.read_image import ReadImage
from weighbridge.sources.source import SourceSetup

logger = logging.getLogger(__name__)


class ImagesInPlace:
    """Reads images where the engine keeps them. Registers the layers' files, so that they are hashed on demand."""

    def __init__(self, setup: SourceSetup) -> None:
        self._known_layers = setup.known_layers
        self._digests = setup.digests
        self._progress = setup.progress
        self._stores = StoreReader(setup.known_layers, setup.progress)

    def read(
        self, wanted: Sequence[ImageToRead], engine: EngineImages, *, estimate_sizes: bool
    ) -> dict[str, ReadImage | WeighbridgeError]:
        """The images of `wanted` that can be read in the engine's storage, by image ID."""
        found: dict[str, ReadImage | WeighbridgeError] = {}
        for one in wanted:
            image = self._read(one, engine, estimate_sizes=estimate_sizes)
            if image is not None:
                found[one.image.image_id] = image
        return found

    def _read(self, wanted: ImageToRead, engine: EngineImages, *, estimate_sizes: bool) -> ReadImage | None:
        """The image from the engine's storage; ``None`` if it cannot be read there, for any reason."""
        image_id = wanted.image.image_id
        try:
            root = engine.root_folder()
            for folder in containerd_folders(root):
                stored = containerd_image(folder, image_id, wanted.platform)
                if stored is not None:
                    return self._stores.read(
                        folder, stored, title=wanted.title, estimate_sizes=estimate_sizes, as_pulled=False
                    )
            storage = OverlayStorage(root)
            stored = storage.image(image_id)
            if stored is not None:
                return self._read_overlay(storage, stored, title=wanted.title, estimate_sizes=estimate_sizes)
        except (ImageError, EngineError, OSError) as error:
            logger.info("image %s cannot be read in place, docker save does it: %s", image_id, error)
        return None

    def _read_overlay(
        self, storage: OverlayStorage, stored: StoredImage, *, title: str, estimate_sizes: bool
    ) -> ReadImage:
        done = 0
        for number, (diff_id, name) in enumerate(zip(stored.diff_ids, stored.names, strict=True), start=1):
            if estimate_sizes and self._known_layers.compressed_estimate(diff_id) is None:
                self._known_layers.read_blob(
                    storage.cursor(name).chunks(),
                    blob_bytes=None,
                    blob_digest=None,
                    diff_id=diff_id,
                    estimate_sizes=True,
                )
            elif self._known_layers.find(diff_id, hashed=False) is None:
                self._known_layers.keep(index_in_place(functools.partial(storage.cursor, name), diff_id))
            self._digests.add(diff_id, functools.partial(Beneath, storage.folder(name)))
            done += self._known_layers.layer(diff_id).tar_bytes
            self._progress.tell(layer_title(title, number, len(stored.layers)), done)
        return ReadImage(
            stored=stored,
            files=lambda: OverlayContents(
                {diff_id: storage.folder(name) for diff_id, name in stored.blob_names.items()}
            ),
        )
