"""Reads images of the engine. Order: from the cache, in place, through a helper container, with docker save."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

import docker
import docker.errors
import msgspec

from weighbridge.domain.image.attached import Attached
from weighbridge.errors import EngineError, WeighbridgeError
from weighbridge.network_errors import network_words
from weighbridge.sources.engine_contents import engine_contents
from weighbridge.sources.engine_images import EngineImages, ImageToRead
from weighbridge.sources.from_helper import ImagesThroughHelper
from weighbridge.sources.from_save import ImagesThroughSave
from weighbridge.sources.from_storage import ImagesInPlace
from weighbridge.sources.measurement_cache import Measurement
from weighbridge.sources.read_image import ReadImage, restored_image
from weighbridge.sources.reference import ImageReference
from weighbridge.sources.source import ReadOutcomes, SourceSetup
from weighbridge.sources.source_layer import SourceLayer


class EngineWay(Protocol):
    """One way to read images that the engine has."""

    def read(
        self, wanted: Sequence[ImageToRead], engine: EngineImages, *, estimate_sizes: bool
    ) -> Mapping[str, ReadImage | WeighbridgeError]:
        """By image ID, the images of `wanted` that this way can read, or reasons why no way can."""


class ImagesInEngine:
    """Reads images that the engine has, each in the first way that can."""

    def __init__(self, setup: SourceSetup) -> None:
        self._connect = setup.connect
        self._client: docker.DockerClient | None = None
        self._cache = setup.cache
        self._known_layers = setup.known_layers
        self._platform = setup.platform
        self._is_in_place_allowed = setup.in_place
        in_place: tuple[EngineWay, ...] = (ImagesInPlace(setup),) if setup.in_place else ()
        self._ways: tuple[EngineWay, ...] = (*in_place, ImagesThroughHelper(setup), ImagesThroughSave(setup))

    def reads_alone(self) -> bool:
        """True if this process can and may read the engine's own storage.

        Images that need ``docker save`` or a helper container are better read together.
        """
        if not self._is_in_place_allowed:
            return False
        try:
            return os.access(EngineImages(self._docker()).root_folder(), os.R_OK | os.X_OK)
        except EngineError:
            return False

    def close(self) -> None:
        """Does nothing: who connects to the engine also closes the connection."""

    def read(self, titles: Mapping[ImageReference, str], *, estimate_sizes: bool) -> ReadOutcomes:
        """All images of `titles`. Images that are neither cached nor readable in place are read together."""
        try:
            engine = EngineImages(self._docker())
        except EngineError as error:
            return dict.fromkeys(titles, error)
        outcomes: dict[ImageReference, ReadImage | WeighbridgeError] = {}
        wanted: dict[str, ImageToRead] = {}
        ids: dict[ImageReference, str] = {}
        for reference, title in titles.items():
            try:
                image = engine.image(reference.place)
            except WeighbridgeError as error:
                outcomes[reference] = error
                continue
            platform = self._platform or image.platform
            wanted.setdefault(image.image_id, ImageToRead(image=image, platform=platform, title=title))
            ids[reference] = image.image_id
        read = self._read_all(wanted, engine, estimate_sizes)
        return outcomes | {reference: read[image_id] for reference, image_id in ids.items()}

    def diff_ids(self, reference: ImageReference) -> tuple[str, ...]:
        """The diff IDs of an image in the engine, lowest layer first. Raises `EngineError`."""
        return EngineImages(self._docker()).image(reference.place).diff_ids

    def _read_all(
        self, wanted: Mapping[str, ImageToRead], engine: EngineImages, estimate_sizes: bool
    ) -> Mapping[str, ReadImage | WeighbridgeError]:
        """Each of `wanted` by image ID: from the cache, otherwise in the first way that can read it."""
        outcomes: dict[str, ReadImage | WeighbridgeError] = {}
        for image_id, one in wanted.items():
            known = self._known(one, engine, estimate_sizes)
            if known is not None:
                outcomes[image_id] = known
        for way in self._ways:
            left = [one for image_id, one in wanted.items() if image_id not in outcomes]
            read = way.read(left, engine, estimate_sizes=estimate_sizes) if left else {}
            for image_id, outcome in read.items():
                if isinstance(outcome, ReadImage):
                    self._remember(wanted[image_id], outcome)
            outcomes |= read
        return outcomes

    def _known(self, wanted: ImageToRead, engine: EngineImages, estimate_sizes: bool) -> ReadImage | None:
        """The image from the cache alone, if the cache holds its config and all its layers."""
        content = self._cache.document(_key(wanted))
        if content is None:
            return None
        try:
            record = msgspec.msgpack.decode(content, type=_Record)
        except msgspec.MsgspecError:
            return None
        measurement = Measurement(config=record.config, layers=tuple(record.layers))
        image = restored_image(measurement, self._known_layers, engine_contents(engine, wanted))
        if image is not None:
            stored = replace(image.stored, annotations=record.annotations, attached=record.attached)
            image = replace(image, stored=stored)
        if image is None or not image.is_complete(self._known_layers, estimate_sizes=estimate_sizes):
            return None
        return image

    def _remember(self, wanted: ImageToRead, image: ReadImage) -> None:
        stored = image.stored
        record = _Record(
            config=stored.config,
            layers=list(stored.layers),
            annotations=dict(stored.annotations),
            attached=stored.attached,
        )
        self._cache.put_document(_key(wanted), msgspec.msgpack.encode(record))

    def _docker(self) -> docker.DockerClient:
        if self._client is None:
            if self._connect is None:
                raise EngineError("there is no container engine; name images as docker-archive:, oci: or registry:")
            try:
                self._client = self._connect()
            except docker.errors.DockerException as error:
                raise EngineError(f"the container engine is not reachable: {network_words(error)}") from error
        return self._client


class _Record(msgspec.Struct, array_like=True):
    config: bytes
    layers: list[SourceLayer]
    annotations: dict[str, str]
    attached: Attached


def _key(wanted: ImageToRead) -> str:
    return f"engine 2 {wanted.image.image_id} {wanted.platform}"
