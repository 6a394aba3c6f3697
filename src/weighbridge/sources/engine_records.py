"""The engine's record of an image, and images of the engine that the cache knows whole. Needs no SDK of docker."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from weighbridge.domain.image.attached import Attached
from weighbridge.sources.file_contents import LayerFiles
from weighbridge.sources.known_layers import KnownLayers
from weighbridge.sources.layer_cache import LayerCache
from weighbridge.sources.manifest import checked_digest
from weighbridge.sources.measurement_cache import Measurement
from weighbridge.sources.platforms import Platform
from weighbridge.sources.read_image import ReadImage, restored_image
from weighbridge.sources.source_layer import SourceLayer


@dataclass(frozen=True, kw_only=True, slots=True)
class EngineImage:
    """The engine's record of an image. `image_id` is the config's digest, or with the containerd store the
    digest of the manifest or index; `diff_ids` are the layers, lowest first. `platform` is the image's own.
    """

    image_id: str
    diff_ids: tuple[str, ...]
    platform: Platform


def engine_image(document: Mapping[str, Any]) -> EngineImage:
    """The record that the engine answers with (Docker Engine API, ``ImageInspect``). Raises `ImageError`."""
    diff_ids = (document.get("RootFS") or {}).get("Layers") or []
    return EngineImage(
        image_id=checked_digest(document["Id"]),
        diff_ids=tuple(checked_digest(diff_id) for diff_id in diff_ids),
        platform=Platform(
            os=document.get("Os") or "linux",
            architecture=document.get("Architecture") or "",
            variant=document.get("Variant") or "",
        ),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageToRead:
    """An image to read, its platform, and its name in progress output."""

    image: EngineImage
    platform: Platform
    title: str


class KnownEngineImages:
    """The images of the engine that an earlier run read, by image ID and platform."""

    def __init__(self, cache: LayerCache, known_layers: KnownLayers) -> None:
        self._cache = cache
        self._known_layers = known_layers

    def find(self, wanted: ImageToRead, files: Callable[[], LayerFiles], *, estimate_sizes: bool) -> ReadImage | None:
        """The image, if the cache holds its config and all its layers. `files` opens its files' content."""
        content = self._cache.document(_key(wanted))
        if content is None:
            return None
        try:
            record = msgspec.msgpack.decode(content, type=_Record)
        except msgspec.MsgspecError:
            return None
        measurement = Measurement(config=record.config, layers=tuple(record.layers))
        image = restored_image(measurement, self._known_layers, files)
        if image is None or not image.is_complete(self._known_layers, estimate_sizes=estimate_sizes):
            return None
        return replace(image, stored=replace(image.stored, annotations=record.annotations, attached=record.attached))

    def keep(self, wanted: ImageToRead, image: ReadImage) -> None:
        """Store what `find` needs."""
        stored = image.stored
        record = _Record(
            config=stored.config,
            layers=list(stored.layers),
            annotations=dict(stored.annotations),
            attached=stored.attached,
        )
        self._cache.put_document(_key(wanted), msgspec.msgpack.encode(record))


class _Record(msgspec.Struct, array_like=True):
    config: bytes
    layers: list[SourceLayer]
    annotations: dict[str, str]
    attached: Attached


def _key(wanted: ImageToRead) -> str:
    return f"engine 2 {wanted.image.image_id} {wanted.platform}"
