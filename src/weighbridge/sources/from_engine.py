"""Reads images of the engine. Order: from the cache, in place, through a helper container, with docker save."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import docker
import docker.errors

from weighbridge.errors import EngineError, WeighbridgeError
from weighbridge.network_errors import network_words
from weighbridge.sources.engine_contents import engine_contents
from weighbridge.sources.engine_images import EngineImages
from weighbridge.sources.engine_records import ImageToRead, KnownEngineImages
from weighbridge.sources.from_helper import ImagesThroughHelper
from weighbridge.sources.from_save import ImagesThroughSave
from weighbridge.sources.from_storage import ImagesInPlace
from weighbridge.sources.read_image import ReadImage
from weighbridge.sources.reference import ImageReference
from weighbridge.sources.source import ReadOutcomes, SourceSetup


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
        self._known = KnownEngineImages(setup.cache, setup.known_layers)
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
            known = self._known.find(one, engine_contents(engine, one), estimate_sizes=estimate_sizes)
            if known is not None:
                outcomes[image_id] = known
        for way in self._ways:
            left = [one for image_id, one in wanted.items() if image_id not in outcomes]
            read = way.read(left, engine, estimate_sizes=estimate_sizes) if left else {}
            for image_id, outcome in read.items():
                if isinstance(outcome, ReadImage):
                    self._known.keep(wanted[image_id], outcome)
            outcomes |= read
        return outcomes

    def _docker(self) -> docker.DockerClient:
        if self._client is None:
            self._client = connected_engine(self._connect).client
        return self._client


def connected_engine(connect: Callable[[], docker.DockerClient] | None) -> EngineImages:
    """The images of the engine that `connect` connects to. Raises `EngineError`."""
    if connect is None:
        raise EngineError("there is no container engine; name images as docker-archive:, oci: or registry:")
    try:
        return EngineImages(connect())
    except docker.errors.DockerException as error:
        raise EngineError(f"the container engine is not reachable: {network_words(error)}") from error
