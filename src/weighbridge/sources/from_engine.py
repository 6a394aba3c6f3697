"""Reads images of the engine. Order: from the cache, in place, through a helper container, with docker save."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import docker
import docker.errors
import msgspec

from weighbridge.domain.image.attached import Attached
from weighbridge.errors import EngineError, WeighbridgeError
from weighbridge.sources.engine_images import EngineFiles, EngineImages, ImageToRead
from weighbridge.sources.file_contents import EngineContents
from weighbridge.sources.from_helper import ImagesThroughHelper
from weighbridge.sources.from_save import ImagesThroughSave
from weighbridge.sources.from_storage import ImagesInPlace
from weighbridge.sources.known_layers import KnownLayers
from weighbridge.sources.layer_blob import LayerBlob
from weighbridge.sources.layer_cache import LayerCache
from weighbridge.sources.measurement_cache import Measurement
from weighbridge.sources.platforms import Platform
from weighbridge.sources.read_image import IndexedImage, ReadImage, indexed_image
from weighbridge.sources.reference import ImageReference


class ImagesInEngine:
    """Reads images that the engine has.

    `connect` makes the client when the engine is first needed; ``None`` if there is no engine. `in_place` and
    `through_helper` are ``None`` if they are disabled; ``docker save`` is always available.
    """

    def __init__(
        self,
        connect: Callable[[], docker.DockerClient] | None,
        *,
        cache: LayerCache,
        known_layers: KnownLayers,
        platform: Platform | None,
        in_place: ImagesInPlace | None,
        through_helper: ImagesThroughHelper | None,
        through_save: ImagesThroughSave,
    ) -> None:
        self._connect = connect
        self._client: docker.DockerClient | None = None
        self._cache = cache
        self._known_layers = known_layers
        self._platform = platform
        self._in_place = in_place
        self._through_helper = through_helper
        self._through_save = through_save

    def are_in_place(self) -> bool:
        """True if this process can and may read the engine's own storage."""
        if self._in_place is None:
            return False
        try:
            return os.access(EngineImages(self._docker()).root_folder(), os.R_OK | os.X_OK)
        except EngineError:
            return False

    def read(
        self, titles: Mapping[ImageReference, str], *, estimate_sizes: bool
    ) -> dict[ImageReference, ReadImage | WeighbridgeError]:
        """Each image of `titles` (its name in progress output), or the reason why it cannot be read.

        Images that are neither cached nor readable in place are read together.
        """
        try:
            engine = EngineImages(self._docker())
        except EngineError as error:
            return dict.fromkeys(titles, error)
        outcomes: dict[ImageReference, ReadImage | WeighbridgeError] = {}
        waiting: dict[str, ImageToRead] = {}
        waiting_as: dict[ImageReference, str] = {}
        for reference, title in titles.items():
            try:
                image = engine.image(reference.place)
            except WeighbridgeError as error:
                outcomes[reference] = error
                continue
            wanted = ImageToRead(image=image, platform=self._platform or image.platform, title=title)
            found = self._read_alone(wanted, engine, estimate_sizes)
            if found is not None:
                outcomes[reference] = found
            else:
                waiting.setdefault(image.image_id, wanted)
                waiting_as[reference] = image.image_id
        together = self._read_batch(list(waiting.values()), engine, estimate_sizes)
        return outcomes | {reference: together[image_id] for reference, image_id in waiting_as.items()}

    def diff_ids(self, reference: ImageReference) -> tuple[str, ...]:
        """The diff IDs of an image in the engine, lowest layer first. Raises `EngineError`."""
        return EngineImages(self._docker()).image(reference.place).diff_ids

    def _read_alone(self, wanted: ImageToRead, engine: EngineImages, estimate_sizes: bool) -> ReadImage | None:
        """The image from the cache, otherwise read in place; ``None`` if neither is possible."""
        found = self._known(wanted, estimate_sizes)
        if found is None and self._in_place is not None:
            found = self._in_place.read(wanted, engine, estimate_sizes=estimate_sizes)
            if found is not None:
                self._remember(wanted, found.image)
        return found

    def _read_batch(
        self, wanted: Sequence[ImageToRead], engine: EngineImages, estimate_sizes: bool
    ) -> dict[str, ReadImage | WeighbridgeError]:
        """Each of `wanted` by image ID, from the helper or else ``docker save``; or the reason of the failure."""
        indexed: dict[str, IndexedImage | WeighbridgeError] = {}
        if self._through_helper is not None:
            indexed |= self._through_helper.read(wanted, self._docker(), estimate_sizes=estimate_sizes)
        left = [one for one in wanted if one.image.image_id not in indexed]
        indexed |= self._through_save.read(left, engine, estimate_sizes=estimate_sizes)
        outcomes: dict[str, ReadImage | WeighbridgeError] = {}
        for one in wanted:
            image = indexed[one.image.image_id]
            if isinstance(image, IndexedImage):
                self._remember(one, image)
                outcomes[one.image.image_id] = self._found(one, image)
            else:
                outcomes[one.image.image_id] = image
        return outcomes

    def _known(self, wanted: ImageToRead, estimate_sizes: bool) -> ReadImage | None:
        """The image from the cache alone, if the cache holds its config and all its layers."""
        content = self._cache.document(_key(wanted))
        if content is None:
            return None
        try:
            record = msgspec.msgpack.decode(content, type=_Record)
        except msgspec.MsgspecError:
            return None
        image = indexed_image(Measurement(config=record.config, blobs=tuple(record.blobs)), self._known_layers)
        if image is not None:
            stored = replace(image.stored, annotations=record.annotations, attached=record.attached)
            image = replace(image, stored=stored)
        if image is None or not image.is_complete(self._known_layers, estimate_sizes=estimate_sizes):
            return None
        return self._found(wanted, image)

    def _remember(self, wanted: ImageToRead, image: IndexedImage) -> None:
        stored = image.stored
        record = _Record(
            config=stored.config,
            blobs=list(image.blobs),
            annotations=dict(stored.annotations),
            attached=stored.attached,
        )
        self._cache.put_document(_key(wanted), msgspec.msgpack.encode(record))

    def _found(self, wanted: ImageToRead, image: IndexedImage) -> ReadImage:
        return ReadImage(image=image, files=lambda: EngineContents(EngineFiles(self._docker, wanted.image.image_id)))

    def _docker(self) -> docker.DockerClient:
        if self._client is None:
            if self._connect is None:
                raise EngineError("there is no container engine; name images as docker-archive:, oci: or registry:")
            try:
                self._client = self._connect()
            except docker.errors.DockerException as error:
                raise EngineError(f"the container engine is not reachable: {error}") from error
        return self._client


class _Record(msgspec.Struct, array_like=True):
    config: bytes
    blobs: list[LayerBlob]
    annotations: dict[str, str]
    attached: Attached


def _key(wanted: ImageToRead) -> str:
    return f"engine 2 {wanted.image.image_id} {wanted.platform}"
