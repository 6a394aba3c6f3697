"""Reads images by reference: config, layers, sizes, and files on request. The only entry point to this package.

Every source gives the same result: a described image, and for each layer an index from the cache or from reading its
tar once. Images of the engine that need ``docker save`` share one call of it.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, NoReturn, Self

from weighbridge.domain.image.image import Image, Layer
from weighbridge.domain.image.layer import Changeset
from weighbridge.domain.image.rootfs import ContentReader, Node
from weighbridge.errors import DefectError, ImageError, WeighbridgeError, contain_defects
from weighbridge.sources import transports
from weighbridge.sources.credentials import RegistryCredentials, docker_credentials
from weighbridge.sources.file_contents import ImageContents
from weighbridge.sources.file_digests import DigestsInPlace
from weighbridge.sources.known_layers import KnownLayers
from weighbridge.sources.layer_cache import LayerCache
from weighbridge.sources.layout import StoredImage
from weighbridge.sources.measurement_cache import Measurement
from weighbridge.sources.platforms import parse_platform
from weighbridge.sources.progress import ReadingProgress, ReadStatus
from weighbridge.sources.read_image import ReadImage, restored_image
from weighbridge.sources.reference import ImageReference
from weighbridge.sources.registry_sizes import MAX_SIZES_SECONDS, layer_sizes_in_registry
from weighbridge.sources.source import ImageSource, ReadOutcomes, SourceSetup

if TYPE_CHECKING:
    import docker

    from weighbridge.sources.storage_helper import StorageHelper

_NO_BASE_IMAGES: Mapping[ImageReference, str] = {}


def _say_nothing(text: str) -> None:
    del text


class LayerReader:
    """Reads images. A context manager: removes helper containers and temporary files on exit.

    `engine` makes the client when the engine is first needed; ``None`` if there is no engine. `engine_socket` returns
    its Unix socket as long as no client is connected. `platform` (``os/architecture[/variant]``) selects among the
    images of an index; the default is the only image, or the one for this machine. `in_place` allows direct reading of
    the engine's storage folder, if this process may; `helper` makes the storage helper otherwise, if one is possible.
    `say` gets one line if a faster way failed.
    """

    def __init__(
        self,
        *,
        cache: LayerCache,
        engine: Callable[[], docker.DockerClient] | None = None,
        engine_socket: Callable[[], str | None] | None = None,
        progress: Callable[[ReadStatus], None] | None = None,
        platform: str | None = None,
        in_place: bool = True,
        helper: Callable[[docker.DockerClient], StorageHelper | None] | None = None,
        credentials: Callable[[str], RegistryCredentials | None] = docker_credentials,
        say: Callable[[str], None] = _say_nothing,
    ) -> None:
        self._cache = cache
        self._known_layers = KnownLayers(cache)
        self._digests = DigestsInPlace(cache)
        self._setup = SourceSetup(
            cache=cache,
            known_layers=self._known_layers,
            digests=self._digests,
            progress=ReadingProgress(progress),
            platform=parse_platform(platform) if platform else None,
            connect=engine,
            engine_socket=engine_socket,
            in_place=in_place,
            helper=helper,
            credentials=credentials,
            say=say,
        )
        self._sources: dict[Callable[[SourceSetup], ImageSource], ImageSource] = {}
        """Made on first use; several transports may have the same."""
        self._found: dict[ImageReference, ReadImage] = {}
        self._contents: dict[ImageReference, ImageContents] = {}
        self._lost: set[ImageReference] = set()
        self._credentials = credentials
        self._asked: set[str] = set()
        """Names of base images whose registry was asked in this run."""
        self._patience_seconds: float = MAX_SIZES_SECONDS
        """How long this run goes on to wait for registries that do not answer."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all sources, remove the helper containers, and trim the cache to its limit."""
        self.release()
        for source in self._sources.values():
            source.close()
        self._cache.trim()

    def release(self) -> None:
        """Close the images' files, so that the images can be removed. A later request opens them again."""
        self._digests.release()
        for contents in self._contents.values():
            contents.close()
        self._contents.clear()

    def reads_alone(self, reference: ImageReference) -> bool:
        """True if reading this image alone costs no more than reading it together with others."""
        return self._source(reference.transport.source).reads_alone()

    def read(
        self,
        references: Sequence[ImageReference],
        *,
        titles: Mapping[ImageReference, str] | None = None,
        estimate_sizes: bool = True,
        base_images: Mapping[ImageReference, str] = _NO_BASE_IMAGES,
    ) -> dict[ImageReference, Image | WeighbridgeError]:
        """Each image, or the reason why it cannot be read; a failure of one image does not affect the others.

        `titles` are the names of the images in progress output, by default their references. Layers without a
        compressed blob have no `download_bytes`, unless `estimate_sizes` requests recompression (once: the cache keeps
        the size by diff ID). `base_images` are the names of base images whose registry may be asked for the exact sizes
        of their layers, by the image built on them.
        """
        outcomes: dict[ImageReference, ReadImage | WeighbridgeError] = {}
        unread: dict[ImageReference, str] = {}
        for reference in dict.fromkeys(references):
            known = self._found.get(reference)
            title = (titles or {}).get(reference) or str(reference)
            if known is not None and known.is_complete(self._known_layers, estimate_sizes=estimate_sizes):
                outcomes[reference] = known
            else:
                unread[reference] = title
        for make in dict.fromkeys(one.source for one in transports.TRANSPORTS):
            titles_of_source = {one: title for one, title in unread.items() if one.transport.source is make}
            if titles_of_source:
                outcomes |= _read(self._source(make), titles_of_source, estimate_sizes)
        self._found |= {reference: one for reference, one in outcomes.items() if isinstance(one, ReadImage)}
        for reference, name in base_images.items():
            self._ask_for_sizes(reference, name)
        sizes = self._blob_sizes(references)
        return {
            reference: self._image_or_error(one, sizes) if isinstance(one := outcomes[reference], ReadImage) else one
            for reference in references
        }

    def diff_ids(self, reference: ImageReference) -> tuple[str, ...]:
        """The diff IDs of an image, lowest layer first, without reading the layers.

        Raises the same errors as `read`.
        """
        return self._source(reference.transport.source).diff_ids(reference)

    def contents(self, reference: ImageReference) -> ContentReader:
        """The files of an image that was read. Raises `ImageError` if it was not."""
        contents = self._contents.get(reference)
        if contents is None:
            found = self._found.get(reference)
            if found is None:
                raise ImageError(f"{reference} was not read, so its files are not available")
            contents = self._contents[reference] = ImageContents(found.files, self._cache)
        return contents

    def measurement(self, reference: ImageReference) -> Measurement | None:
        """The record to cache for an image that was read, for a later `recall`; ``None`` if it was not read."""
        found = self._found.get(reference)
        return None if found is None else found.measurement

    def recall(self, reference: ImageReference, measurement: Measurement) -> bool:
        """Restore `reference` from a measurement and the cache alone; false if anything is missing.

        Only files that were requested when the image was measured are available. A request for another file raises
        `ImageError`, and `lost_files` is then true for the image.
        """

        def lost(node: Node) -> NoReturn:
            self._lost.add(reference)
            raise ImageError(f"{reference}: {node.path} was not cached when the image was measured")

        image = restored_image(measurement, self._known_layers, lambda: _NoFiles(lost))
        if image is None or not image.is_complete(self._known_layers, estimate_sizes=True):
            return False
        self._found[reference] = image
        return True

    def lost_files(self, reference: ImageReference) -> bool:
        """True if a requested file of a recalled image was missing: results derived from the image are not valid."""
        return reference in self._lost

    def _source(self, make: Callable[[SourceSetup], ImageSource]) -> ImageSource:
        source = self._sources.get(make)
        if source is None:
            source = self._sources[make] = make(self._setup)
        return source

    def _ask_for_sizes(self, reference: ImageReference, base_image: str) -> None:
        """Ask the registry of `base_image` for the sizes of its layers, if an image was read without them. Once."""
        found = self._found.get(reference)
        lowest = found.stored.layers[0] if found is not None and found.stored.layers else None
        if found is None or lowest is None or lowest.size_bytes is not None or base_image in self._asked:
            return
        if self._known_layers.registry_size(lowest.diff_id) is None and self._patience_seconds > 0:
            self._asked.add(base_image)
            started = time.monotonic()
            platform = parse_platform(found.stored.description.config.platform)
            sizes = layer_sizes_in_registry(base_image, platform, credentials=self._credentials)
            if not sizes:
                self._patience_seconds -= time.monotonic() - started
            diff_ids = set(found.stored.diff_ids)
            self._known_layers.keep_registry_sizes({one: size for one, size in sizes.items() if one in diff_ids})

    def _blob_sizes(self, references: Iterable[ImageReference]) -> dict[str, int]:
        """The sizes of blobs in bytes by diff ID, over all images, for layers that one image stores without a blob.

        One side may come from an engine and the other from a registry: a layer of both must have one size.
        """
        sizes: dict[str, int] = {}
        for reference in references:
            found = self._found.get(reference)
            for layer in found.stored.layers if found is not None else ():
                if layer.size_bytes is not None:
                    sizes.setdefault(layer.diff_id, layer.size_bytes)
        return sizes

    def _image_or_error(self, found: ReadImage, blob_sizes: Mapping[str, int]) -> Image | WeighbridgeError:
        try:
            with contain_defects():
                return self._image(found.stored, blob_sizes)
        except WeighbridgeError as error:
            return error

    def _image(self, stored: StoredImage, blob_sizes: Mapping[str, int]) -> Image:
        layers = []
        description = stored.description
        for layer, created_by in zip(stored.layers, description.created_by, strict=True):
            size = blob_sizes.get(layer.diff_id) if layer.size_bytes is None else layer.size_bytes
            if size is None:
                size = self._known_layers.registry_size(layer.diff_id)
            estimate = self._known_layers.compressed_estimate(layer.diff_id) if size is None else None
            layers.append(
                Layer(
                    diff_id=layer.diff_id,
                    created_by=created_by,
                    download_bytes=estimate if size is None else size,
                    download_estimated=size is None and estimate is not None,
                    blob_digest=layer.digest,
                    compression=None if layer.size_bytes is None else layer.compression.value,
                    changeset=self._changeset(layer.diff_id),
                )
            )
        return Image(
            image_id=description.image_id,
            config=description.config,
            layers=tuple(layers),
            history=description.history,
            notes=stored.notes,
            annotations=stored.annotations,
            attached=stored.attached,
        )

    def _changeset(self, diff_id: str) -> Changeset:
        layer = self._known_layers.layer(diff_id)
        if layer.is_hashed:
            return layer.changeset
        return replace(layer.changeset, hash_content=functools.partial(self._digests.digest, diff_id))


def _read(source: ImageSource, titles: Mapping[ImageReference, str], estimate_sizes: bool) -> ReadOutcomes:
    """The images of one source. After an internal error each is read alone, to confine it to one image."""
    try:
        with contain_defects():
            return source.read(titles, estimate_sizes=estimate_sizes)
    except WeighbridgeError as error:
        if len(titles) == 1 or not isinstance(error, DefectError):
            return dict.fromkeys(titles, error)
    outcomes: dict[ImageReference, ReadImage | WeighbridgeError] = {}
    for reference, title in titles.items():
        outcomes |= _read(source, {reference: title}, estimate_sizes)
    return outcomes


class _NoFiles:
    """The files of a recalled image: calls `lost` for each request, because the image itself is not available."""

    def __init__(self, lost: Callable[[Node], NoReturn]) -> None:
        self._lost = lost

    def read(self, node: Node, *, offset: int, length: int) -> bytes:
        """Raises `ImageError`, always."""
        del offset, length
        self._lost(node)

    def close(self) -> None:
        """Does nothing."""
